// Drives the gateway with one of the official JS SDKs: node drive.mjs PACKAGE, with PRESDR_URL and PRESDR_TOKEN. Ends with 1 at the first
// thing that is not as it should be.
import assert from "node:assert/strict";

const { Client } = await import(process.argv[2]);
const client = new Client({ apiUrl: process.env.PRESDR_URL, apiKey: process.env.PRESDR_TOKEN });
const human = (content) => ({ messages: [{ type: "human", content }] });
const read = async (stream, most = Infinity) => {
  const events = [];
  for await (const event of stream) {
    events.push(event);
    if (events.length >= most) break;
  }
  return events;
};
const refused = async (promise, status) => assert.equal((await promise.then(() => ({}), (error) => error)).status, status);

// Assistants.
const [assistant] = await client.assistants.search({ graphId: "agent" });
assert.equal((await client.assistants.get(assistant.assistant_id)).graph_id, "agent");
assert.deepEqual(await client.assistants.search({ graphId: "none" }), []);

// Threads.
const { thread_id: thread } = await client.threads.create({ metadata: { title: "one" } });
await refused(client.threads.create({ threadId: thread }), 409);
assert.equal((await client.threads.create({ threadId: thread, ifExists: "do_nothing" })).metadata.title, "one");

// A turn in every mode.
let created;
const streamMode = ["values", "messages-tuple", "updates", "custom"];
const told = await read(
  client.runs.stream(thread, "agent", {
    input: human("help"), streamMode, streamResumable: true, onRunCreated: (run) => { created = run; },
  }),
);
const names = new Set(told.map(({ event }) => event));
for (const name of ["metadata", "values", "messages", "updates", "custom"]) assert(names.has(name), `no ${name}`);
const values = told.findLast(({ event }) => event === "values").data;
const spoken = told.filter(({ event }) => event === "messages").map(({ data }) => data[0].content).join("");
assert.equal(spoken, values.messages.at(-1).content);
const run = told[0].data.run_id;
if (created) assert.deepEqual([created.run_id, created.thread_id], [run, thread]);
assert.equal((await client.runs.get(thread, run)).status, "success");
assert.deepEqual((await client.runs.list(thread)).map(({ run_id }) => run_id), [run]);

// Left and come back to, from where it was and from the start.
const left = client.runs.stream(thread, assistant.assistant_id, { input: human("show the icp"), streamMode, streamResumable: true });
const first = await read(left, 2);
const second = first[0].data.run_id;
const rest = await read(client.runs.joinStream(thread, second, { lastEventId: first[1].id, streamMode }));
const all = await read(client.runs.joinStream(thread, second, { lastEventId: "-1", streamMode }));
assert.deepEqual(all.slice(2).map(({ data }) => data), rest.map(({ data }) => data));
assert((await client.runs.join(thread, second)).messages.length === 4);

// State, history, search, renaming.
const state = await client.threads.getState(thread);
const history = await client.threads.getHistory(thread, { limit: 10 });
assert.equal(history[0].checkpoint.checkpoint_id, state.checkpoint.checkpoint_id);
assert.equal(history[0].parent_checkpoint.checkpoint_id, history[1].checkpoint.checkpoint_id);
const fork = await client.runs.wait(thread, "agent", { input: human("costs this week"), checkpointId: history[2].checkpoint.checkpoint_id });
assert.deepEqual([fork.messages.length, fork.messages[2].content], [4, "costs this week"]);
await client.threads.updateState(thread, { values: human("noted") });
await client.threads.update(thread, { metadata: { title: "two" } });
const found = await client.threads.search({ metadata: { graph_id: "agent", title: "two" } });
assert.deepEqual(found.map(({ thread_id, values }) => [thread_id, values.messages.at(-1).content]), [[thread, "noted"]]);

// A run that is followed until it is cancelled.
await client.runs.wait(thread, "agent", { input: human("run with 2 leads") });
const following = await client.runs.create(thread, "agent", { input: human("yes") });
await client.runs.cancel(thread, following.run_id, true);
assert.equal((await client.runs.get(thread, following.run_id)).status, "interrupted");
await refused(client.runs.cancel(thread, following.run_id), 404);

// Outside of threads, and ids that are nobody's.
const alone = await client.runs.wait(null, "agent", { input: human("help") });
assert.equal(alone.messages.length, 2);
assert((await read(client.runs.stream(null, "agent", { input: human("help") }))).length > 2);
const nowhere = "01a20393-2058-7651-9528-f7ae1fd92a84";
await refused(client.threads.get(nowhere), 404);
await refused(client.runs.get(thread, nowhere), 404);
await refused(client.runs.wait(nowhere, "agent", { input: human("help") }), 404);
await refused(client.runs.wait(thread, "none", { input: human("help") }), 422);
await refused(client.assistants.get(nowhere), 404);
// What is not offered.
await refused(client.store.getItem(["a"], "b"), 404);
await refused(client.store.putItem(["a"], "b", {}), 404);
await refused(client.crons.search(), 404);
await refused(client.crons.create("agent", { schedule: "* * * * *" }), 404);
await refused(client.runs.createBatch([{ assistantId: "agent", input: human("help") }]), 404);
await refused(client.assistants.getGraph(assistant.assistant_id), 404);
if (client.threads.joinStream) await refused(read(client.threads.joinStream(thread)), 404);
await refused(client.runs.wait(thread, "agent", { command: { resume: true } }), 422);
await client.threads.delete(thread);
await refused(client.threads.getState(thread), 404);
