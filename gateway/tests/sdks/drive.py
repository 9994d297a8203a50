"""Drives the gateway with the official Python SDK, with PRESDR_URL and PRESDR_TOKEN. Ends with 1 at the first thing that is not as it should be."""

import asyncio
import os

from langgraph_sdk import get_client
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

MODES = ["values", "messages-tuple", "updates", "custom"]
NOWHERE = "01a20393-2058-7651-9528-f7ae1fd92a84"


def human(content):
    return {"messages": [{"type": "human", "content": content}]}


async def refused(awaited, error):
    try:
        await awaited
    except error:
        return
    raise AssertionError(f"not refused with {error.__name__}")


async def main():
    client = get_client(url=os.environ["PRESDR_URL"], api_key=os.environ["PRESDR_TOKEN"])
    runs, threads = client.runs, client.threads
    [assistant] = await client.assistants.search(graph_id="agent")
    assert (await client.assistants.get(assistant["assistant_id"]))["graph_id"] == "agent"

    thread = (await threads.create(metadata={"title": "one"}))["thread_id"]
    await refused(threads.create(thread_id=thread), ConflictError)

    told = [part async for part in runs.stream(thread, "agent", input=human("help"), stream_mode=MODES, stream_resumable=True)]
    assert {"metadata", "values", "messages", "updates", "custom"} <= {part.event for part in told}
    values = [part.data for part in told if part.event == "values"][-1]
    spoken = "".join(part.data[0]["content"] for part in told if part.event == "messages")
    assert spoken == values["messages"][-1]["content"]
    run = told[0].data["run_id"]
    assert (await runs.get(thread, run))["status"] == "success"
    assert [one["run_id"] for one in await runs.list(thread)] == [run]
    again = [part.data async for part in runs.join_stream(thread, run, stream_mode=MODES, last_event_id="-1")]
    assert again == [part.data for part in told]
    rest = [part.data async for part in runs.join_stream(thread, run, stream_mode=MODES, last_event_id=told[2].id)]
    assert rest == again[3:]

    created = await runs.create(thread, "agent", input=human("show the icp"))
    assert len((await runs.join(thread, created["run_id"]))["messages"]) == 4
    state = await threads.get_state(thread)
    history = await threads.get_history(thread, limit=10)
    assert history[0]["checkpoint"] == state["checkpoint"] and history[0]["parent_checkpoint"] == history[1]["checkpoint"]
    fork = await runs.wait(thread, "agent", input=human("costs this week"), checkpoint=history[2]["checkpoint"])
    assert [len(fork["messages"]), fork["messages"][2]["content"]] == [4, "costs this week"]
    await threads.update_state(thread, human("noted"))
    await threads.update(thread, metadata={"title": "two"})
    [found] = await threads.search(metadata={"graph_id": "agent", "title": "two"})
    assert (found["thread_id"], found["values"]["messages"][-1]["content"]) == (thread, "noted")

    await runs.wait(thread, "agent", input=human("run with 2 leads"))
    following = await runs.create(thread, "agent", input=human("yes"))
    await runs.cancel(thread, following["run_id"], wait=True)
    assert (await runs.get(thread, following["run_id"]))["status"] == "interrupted"

    assert len((await runs.wait(None, "agent", input=human("help")))["messages"]) == 2
    await refused(threads.get(NOWHERE), NotFoundError)
    await refused(runs.get(thread, NOWHERE), NotFoundError)
    await refused(runs.create(NOWHERE, "agent", input=human("help")), NotFoundError)
    await refused(runs.create(thread, "none", input=human("help")), UnprocessableEntityError)
    # What is not offered.
    await refused(client.store.get_item(["a"], "b"), NotFoundError)
    await refused(client.crons.search(), NotFoundError)
    await refused(runs.create_batch([{"assistant_id": "agent", "input": human("help")}]), NotFoundError)
    await refused(client.assistants.get_graph(assistant["assistant_id"]), NotFoundError)
    await refused(runs.create(thread, "agent", command={"resume": True}), UnprocessableEntityError)
    await threads.delete(thread)
    await refused(threads.get_state(thread), NotFoundError)


asyncio.run(main())
