"""The program under test: it sends loan contracts and reads callbacks. Standard library only."""

import hashlib
import hmac
import json
import urllib.request

# As in the program's configuration for production.
LENDER_SEAL = "5d3c0f4be1f84d2c9b7a6e5f40312233"
LOAN_TEMPLATE = "c1a7e9d24b6f4f0e8a3d5b7c9e112233"


class Refused(Exception):
    """The service refused a call."""

    def __init__(self, code, message):
        super().__init__(f"{code} {message}")
        self.code = code


class Client:
    """A client of the signing service."""

    def __init__(self, endpoint, app_id, secret):
        self.endpoint = endpoint
        self.headers = {
            "Content-Type": "application/json;charset=UTF-8",
            "X-Tsign-Open-App-Id": app_id,
            "X-Tsign-Open-App-Secret": secret,
        }

    def call(self, operation, **fields):
        body = json.dumps(fields).encode()
        request = urllib.request.Request(f"{self.endpoint}/{operation}", body, self.headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if answer["errCode"] != 0:
            raise Refused(answer["errCode"], answer["msg"])
        return answer["data"]

    def person(self, third_id, name, id_no, mobile):
        person = {"thirdId": third_id, "name": name, "idNo": id_no, "mobile": mobile}
        # Text instead of a number: many programs send it.
        return self.call("account/create/person", idType="19", email="", **person)["accountId"]

    def send_loan(self, number, borrower, amount, notice_url=""):
        """Sends a loan contract. Returns the flow and the borrower's sign link."""
        document = self.call(
            "doc/createbytemplate",
            templateId=LOAN_TEMPLATE,
            name=f"借款合同-{number}.pdf",
            simpleFormFields={"number": number, "amount": amount, "note": None},
        )
        flow = self.call(
            "sign/contract/addProcess",
            businessScene=f"借款合同 {number}",
            docId=document["docId"],
            noticeUrl=notice_url,
        )["flowId"]
        self.call(
            "sign/contract/platformSignTask",
            flowId=flow,
            sealId=LENDER_SEAL,
            posList=[{"signType": 2, "posPage": 1, "posX": "300", "posY": "120"}],
        )
        asked = self.call(
            "sign/contract/handPersonSignTask", flowId=flow, accountId=borrower, thirdOrderNo=number
        )
        return flow, asked["signUrl"]

    def status(self, flow):
        return self.call("sign/contract/detail", flowId=flow)["flowStatus"]

    def archive(self, flow):
        """Archives a signed flow. Returns the signed PDF."""
        self.call("sign/contract/archiveProcess", flowId=flow)
        url = self.call("sign/download", flowId=flow)[0]["docUrl"]
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read()


def is_genuine(secret, headers, body):
    """Checks the signature of a callback to an address without a query."""
    signed = headers["X-Tsign-Open-TIMESTAMP"].encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers["X-Tsign-Open-SIGNATURE"])
