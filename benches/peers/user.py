"""A simple script for comparison: sends contracts for the rows of a sheet, 64 at a time, with aiohttp. It stores no state: a second run sends everything again."""
import asyncio, csv, sys, time
import aiohttp

BASE, SHEET, WINDOW = sys.argv[1], sys.argv[2], 64
HEADERS = {"X-Tsign-Open-App-Id": "bench", "X-Tsign-Open-App-Secret": "bench"}
PLACES = [{"signType": 1, "key": "乙方签字", "posX": 60}]
calls = 0


async def call(session, path, body):
    global calls
    async with session.post(f"{BASE}/{path}", json=body) as response:
        answer = await response.json()
    calls += 1
    if answer["errCode"] != 0:
        raise RuntimeError(answer["msg"])
    return answer["data"]


async def send(session, row):
    person = {"thirdId": row["客户号"], "name": row["姓名"], "idNo": row["身份证号"], "idType": 19, "mobile": row["手机号"]}
    account = (await call(session, "account/create/person", person))["accountId"]
    fields = {"contractNo": row["合同号"], "borrower": row["姓名"], "amount": row["金额"], "term": row["期限"]}
    document = {"templateId": "bench", "name": row["合同号"], "simpleFormFields": fields}
    doc = (await call(session, "doc/createbytemplate", document))["docId"]
    flow = (await call(session, "sign/contract/addProcess", {"businessScene": "借款合同签署", "docId": doc}))["flowId"]
    await call(session, "sign/contract/platformSignTask", {"flowId": flow, "posList": PLACES})
    await call(session, "sign/contract/handPersonSignTask", {"flowId": flow, "accountId": account, "posList": PLACES})


async def main():
    rows = iter(csv.DictReader(open(SHEET, encoding="utf-8")))
    connector = aiohttp.TCPConnector(limit=WINDOW)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
        async def work():
            for row in rows:
                await send(session, row)
        begun = time.monotonic()
        await asyncio.gather(*(work() for _ in range(WINDOW)))
        print(f"{calls / (time.monotonic() - begun):.0f}")


asyncio.run(main())
