// graphql-ws: everything over one WebSocket, and going on after a lost connection.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { REQUEST, SEARCH, UPDATES, VIEWER, bearer, key, period, socketUrl, within } from './common.mjs';

const connect = (authorization, on = {}) => createClient({
  url: socketUrl, webSocketImpl: WebSocket, connectionParams: authorization ? { authorization } : {}, retryAttempts: 2, on,
});

async function once(client, query, variables) {
  for await (const result of client.iterate({ query, variables })) return result;
  throw new Error('no result');
}

test('query, mutation and subscription share a socket, and a cursor goes on where it was', async () => {
  const client = connect(bearer('guest'));
  const when = period('ws');
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
  const later = connect(bearer('guest'));
  const rest = later.iterate({ query: UPDATES, variables: { after: seen.cursor } });
  const next = (await within(rest.next(), 'what came since')).value.data.myBookingUpdates;
  assert.deepEqual([next.node.id, next.node.status], [id, 'CANCELLED']);
  await rest.return();
  await Promise.all([client.dispose(), later.dispose()]);
});

test('a refused token closes with 4403, which ends the retries', async () => {
  const client = connect('Bearer forged');
  await assert.rejects(once(client, VIEWER), (event) => event.code === 4403);
  await client.dispose();
});

test('a wrong document is an error, and the socket lives on', async () => {
  const client = connect(bearer('guest'));
  await assert.rejects(once(client, '{ nonsense }'), (errors) => errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED');
  assert.match((await once(client, VIEWER)).data.me.id, /^user-/);
  await client.dispose();
});
