// urql: query, mutation, and its own subscriptions over server-sent events.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Client, fetchExchange, gql } from '@urql/core';
import { REQUEST, SEARCH, UPDATES, VIEWER, bearer, key, period, url, within } from './common.mjs';

const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: true,
  fetchSubscriptions: true,
  fetchOptions: () => ({ headers: { authorization: bearer('guest2') } }),
});

test('a booking is searched by GET, requested and watched', async () => {
  const when = period('urql');
  const found = await client.query(gql(SEARCH), when).toPromise();
  assert.equal(found.error, undefined);
  const vehicle = found.data.searchVehicles.nodes[0].vehicle;
  let subscription;
  const update = new Promise((resolve) => { subscription = client.subscription(gql(UPDATES), {}).subscribe(resolve); });
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  const input = { idempotencyKey: key(), vehicleId: vehicle.id, ...when };
  const booked = await client.mutation(gql(REQUEST), { input }).toPromise();
  assert.equal(booked.error, undefined);
  assert.equal(booked.data.requestBooking.booking.status, 'PENDING');
  const seen = await within(update, 'update');
  assert.equal(seen.error, undefined);
  assert.equal(seen.data.myBookingUpdates.node.id, booked.data.requestBooking.booking.id);
  subscription.unsubscribe();
});

test('errors of the document and of the door', async () => {
  const wrong = await client.query(gql('query Wrong { nonsense }'), {}).toPromise();
  assert.equal(wrong.error.graphQLErrors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  const forged = new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers: { authorization: 'Bearer forged' } } });
  const refused = await forged.query(gql(VIEWER), {}).toPromise();
  assert.equal(refused.error.response.status, 401);
  assert.equal(refused.error.graphQLErrors[0].extensions.code, 'AUTH003');
});
