// Apollo Client: query, mutation, subscription over WebSocket, errors, automatic persisted queries.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { REQUEST, SEARCH, UPDATES, VIEWER, bearer, key, period, socketUrl, url, within } from './common.mjs';

const http = (fetchFn = fetch) => new HttpLink({ uri: url, headers: { authorization: bearer('guest') }, fetch: fetchFn });
const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { Authorization: bearer('guest') } });
const isSubscription = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
const link = ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http());
const client = new ApolloClient({ link, cache: new InMemoryCache() });

test.after(() => { client.stop(); return socket.dispose(); });

test('a booking is searched, requested and watched', async () => {
  const when = period('apollo');
  const { data: found } = await client.query({ query: gql(SEARCH), variables: when });
  const vehicle = found.searchVehicles.nodes[0].vehicle;
  assert.match(vehicle.id, /^vehicle-/);
  let subscription;
  const update = new Promise((resolve, reject) => {
    subscription = client.subscribe({ query: gql(UPDATES) }).subscribe({ next: resolve, error: reject });
  });
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  const input = { idempotencyKey: key(), vehicleId: vehicle.id, ...when };
  const { data } = await client.mutate({ mutation: gql(REQUEST), variables: { input } });
  assert.deepEqual(data.requestBooking.userErrors, []);
  assert.equal(data.requestBooking.booking.status, 'PENDING');
  assert.equal(data.requestBooking.booking.total.currency, 'KRW');
  const seen = await within(update, 'update');
  assert.equal(seen.data.myBookingUpdates.node.id, data.requestBooking.booking.id);
  subscription.unsubscribe();
});

test('a refusal is data, an error is an error', async () => {
  const input = { idempotencyKey: key(), vehicleId: 'vehicle-00000000-0000-7000-8000-000000000000', ...period('apollo') };
  const { data } = await client.mutate({ mutation: gql(REQUEST), variables: { input } });
  assert.equal(data.requestBooking.booking, null);
  assert.equal(data.requestBooking.userErrors.length, 1);
  const wrong = client.query({ query: gql('query Wrong { nonsense }'), fetchPolicy: 'network-only' });
  await assert.rejects(wrong, (error) => CombinedGraphQLErrors.is(error) && error.errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED');
});

test('documents are sent by their hashes', async () => {
  const sent = [];
  const spy = (input, init) => { sent.push(init.method === 'GET' ? { get: input } : JSON.parse(init.body)); return fetch(input, init); };
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const persisted = () => new ApolloClient({ link: new PersistedQueryLink({ sha256 }).concat(http(spy)), cache: new InMemoryCache() });
  for (const _ of [1, 2]) {
    const { data } = await persisted().query({ query: gql(VIEWER) });
    assert.match(data.me.id, /^user-/);
  }
  const withDocument = sent.map((body) => 'query' in body);
  assert.deepEqual(withDocument, [false, true, false], 'asked, taught, asked again');
});
