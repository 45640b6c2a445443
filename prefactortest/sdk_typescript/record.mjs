// Records a run with the official TypeScript SDK, unchanged, and checks what
// the fake at the URL in the first argument then holds.
import assert from 'node:assert/strict';
import { createConfig, createCore, SpanType, withSpan } from '@prefactor/core';

const [url, agentId] = process.argv.slice(2);
const token = 'test-token';

const { tracer, agentManager, shutdown } = createCore(
  createConfig({ httpConfig: { apiUrl: url, apiToken: token, agentId, agentName: 'billing', initialRetryDelay: 1 } }),
);
agentManager.registerSchema({
  external_identifier: 'schema-1',
  span_schemas: { agent: { type: 'object' }, llm: { type: 'object' }, tool: { type: 'object' } },
});
agentManager.startInstance();
await withSpan(tracer, { name: 'answer', spanType: SpanType.AGENT, inputs: { question: 'why?' } }, async () => {
  await withSpan(tracer, { name: 'think', spanType: SpanType.LLM, inputs: {} }, async () => ({ text: 'because' }));
  const broken = withSpan(tracer, { name: 'look', spanType: SpanType.TOOL, inputs: {} }, async () => {
    throw new Error('no such page');
  });
  await assert.rejects(broken);
});
agentManager.finishInstance();
await shutdown();

// A read may be struck by a fault of the fake's, as any request, and is repeated.
async function list(path) {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(`${url}/api/v1/${path}`, { headers: { Authorization: `Bearer ${token}` } });
      assert.equal(response.status, 200, `${path}: ${response.status}`);
      return (await response.json()).summaries;
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

const instances = await list('agent_instance');
assert.deepEqual(instances.map((i) => i.status), ['complete']);

const spans = await list('agent_spans');
assert.deepEqual(spans.map((s) => [s.schema_name, s.status]), [
  ['agent', 'complete'],
  ['llm', 'complete'],
  ['tool', 'failed'],
]);
const [agent, llm, tool] = spans;
assert.equal(agent.parent_span_id, null);
assert.equal(llm.parent_span_id, agent.id);
assert.equal(tool.parent_span_id, agent.id);
assert.deepEqual(agent.payload.inputs, { question: 'why?' });
assert.equal(tool.payload.error.message, 'no such page');
for (const span of spans) {
  assert.equal(span.agent_instance_id, instances[0].id);
  assert.ok(span.started_at <= span.finished_at, `${span.schema_name} ended before it began`);
}
console.log(`recorded ${spans.length} spans`);
