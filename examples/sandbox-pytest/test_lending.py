"""Tests of `lending.py` against the sandbox. Run: `pytest examples/sandbox-pytest`."""

import json

import pytest

import lending
from conftest import SECRET

SIGNING, FINISHED, EXPIRED, REJECTED = 1, 2, 5, 7


@pytest.fixture
def borrower(client):
    return client.person("C-1", "李四", "371500198101175693", "13516134875")


def test_a_signed_loan_is_archived(sandbox, client, borrower):
    flow, link = client.send_loan("HT-1", borrower, 50_000)
    assert client.status(flow) == SIGNING
    [known] = sandbox.flows()
    lender, person = known["signers"]
    assert (lender["signStatus"], person["signStatus"]) == (2, 0)
    assert (person["thirdId"], person["signUrl"]) == ("C-1", link)

    assert sandbox.drive("sign", flowId=flow) == {"signed": 1}
    assert client.archive(flow).startswith(b"%PDF")
    assert client.status(flow) == FINISHED


def test_a_refusal_is_reported(sandbox, client, borrower, callbacks):
    address, next_callback = callbacks
    flow, _ = client.send_loan("HT-2", borrower, 50_000, address)
    headers, body = next_callback()
    assert json.loads(body)["action"] == "SIGN_FLOW_UPDATE"  # the lender's seal

    sandbox.drive("refuse", flowId=flow, thirdId="C-1", reason="金额不对")
    for _ in range(2):  # the signer's refusal and the end of the flow, in any order
        headers, body = next_callback()
        assert lending.is_genuine(SECRET, headers, body)
        told = json.loads(body)
        assert told["flowId"] == flow
    assert client.status(flow) == REJECTED


def test_an_expired_loan_cannot_be_archived(sandbox, client, borrower):
    flow, _ = client.send_loan("HT-3", borrower, 50_000)
    sandbox.drive("expire", flowId=flow)
    assert client.status(flow) == EXPIRED
    with pytest.raises(lending.Refused) as refused:
        client.archive(flow)
    assert refused.value.code == 1436014


def test_the_contract_has_the_values_of_the_loan(sandbox, client, borrower):
    client.send_loan("HT-4", borrower, 50_000)
    [document] = [it for it in sandbox.calls() if it["operation"] == "doc/createbytemplate"]
    assert document["request"]["simpleFormFields"] == {"number": "HT-4", "amount": "50000"}
    # What the program sends in other types than the API document's.
    assert document["coerced"] == [
        "simpleFormFields.amount came as a number",
        "simpleFormFields.note came as null, left out",
    ]
    [person] = [it for it in sandbox.calls() if it["operation"] == "account/create/person"]
    assert person["request"]["idNo"] == "***5693"


def test_each_test_starts_with_the_fixtures_only(sandbox, client):
    assert sandbox.flows() == []
    assert client.call("account/idexchange", thirdId="lender")["accountId"].startswith("7ee3")
    with pytest.raises(lending.Refused):
        client.call("account/idexchange", thirdId="C-1")
