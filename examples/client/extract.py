"""Version 5: reads the databases by the label `default` into a dataframe of a new session: extract.py NAME"""
import sys
import time

from connect import IMAGE, client

name = sys.argv[1]
session = client.session.create(scope="collaboration", name=name)["id"]
table = client.dataframe.create(session=session, label="default", name=name, image=IMAGE, method="extract", arguments={})
if "id" not in table:
    raise SystemExit(f"the server refused the dataframe: {table.get('msg')}")
task = table["last_session_task"]["id"]
while not all(found["finished_at"] for found in client.request("run", params={"task_id": task})["data"]):
    time.sleep(1)
for found in client.request("run", params={"task_id": task})["data"]:
    if found["status"] != "completed":
        raise SystemExit(f"the run at organization {found['organization']['id']} is {found['status']}: {(found['log'] or '').strip()[-500:]}")
print(f"export V6_SESSION={session} V6_DATAFRAME={table['id']}")
