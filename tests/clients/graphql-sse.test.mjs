// graphql-sse in distinct connections mode, and what a browser's EventSource does: coming back with Last-Event-ID.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { REQUEST, SEARCH, UPDATES, VIEWER, bearer, key, period, url, within } from './common.mjs';

const connect = (authorization) => createClient({ url, headers: authorization ? { authorization } : {}, retryAttempts: 0 });

async function once(client, query, variables) {
  for await (const result of client.iterate({ query, variables })) return result;
  throw new Error('no result');
}

async function readUntil(response, pattern) {
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`the stream ended: ${text}`);
}

test('query, mutation and subscription', async () => {
  const client = connect(bearer('guest2'));
  const when = period('sse');
  const found = await once(client, SEARCH, when);
  const vehicleId = found.data.searchVehicles.nodes[0].vehicle.id;
  const updates = client.iterate({ query: UPDATES });
  const first = updates.next();
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  const booked = await once(client, REQUEST, { input: { idempotencyKey: key(), vehicleId, ...when } });
  const id = booked.data.requestBooking.booking.id;
  const seen = (await within(first, 'update')).value.data.myBookingUpdates;
  assert.equal(seen.node.id, id);
  await updates.return();

  const cancel = 'mutation($input: CancelBookingInput!) { cancelBooking(input: $input) { booking { status } userErrors { code } } }';
  await once(client, cancel, { input: { idempotencyKey: key(), bookingId: id, reason: 'another day' } });
  const address = `${url}?query=${encodeURIComponent('subscription { myBookingUpdates { node { id status } } }')}`;
  const headers = { accept: 'text/event-stream', authorization: bearer('guest2'), 'last-event-id': seen.cursor };
  const ended = new AbortController();
  const response = await fetch(address, { headers, signal: ended.signal });
  assert.equal(response.status, 200);
  const text = await within(readUntil(response, /\n\nevent: next\n[^]*\n\n/), 'what came since');
  ended.abort();
  assert.match(text, /id: db1\.[0-9a-f]+/);
  assert.match(text, new RegExp(`"id":"${id}","status":"CANCELLED"`));
  client.dispose();
});

test('what is wrong with a document is said in the stream', async () => {
  const client = connect(bearer('guest'));
  const result = await once(client, 'subscription { nonsense }');
  assert.equal(result.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  assert.match((await once(client, VIEWER)).data.me.id, /^user-/);
  client.dispose();
});
