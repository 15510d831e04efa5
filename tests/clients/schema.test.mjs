// Our schema in the hands of other people's tools: Relay's compiler, and a linter's Relay and description rules.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, introspectionFromSchema, buildClientSchema, getIntrospectionQuery, printSchema, lexicographicSortSchema } from 'graphql';
import { url } from './common.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const sdl = process.env.DAYBOOK_SDL;
const program = (name) => join(process.env.DAYBOOK_CLIENTS_HOME, 'node_modules', '.bin', name);

const RULES = [
  'relay-connection-types-spec', 'relay-connection-arguments-spec', 'relay-page-info-spec',
  'types-have-descriptions', 'fields-have-descriptions', 'arguments-have-descriptions', 'enum-values-have-descriptions',
  'input-object-values-have-descriptions', 'descriptions-are-capitalized', 'deprecations-have-a-reason',
  'defined-types-are-used', 'enum-values-all-caps', 'fields-are-camel-cased', 'types-are-capitalized', 'input-object-values-are-camel-cased',
];

test('the linter finds nothing', () => {
  const linted = spawnSync(program('graphql-schema-linter'), ['--rules', RULES.join(','), sdl], { encoding: 'utf8', cwd: here });
  assert.equal(linted.status, 0, linted.stdout + linted.stderr);
  assert.doesNotMatch(linted.stdout + linted.stderr, /invalid/i, 'every rule exists');
});

test("graphql-eslint's Relay and description rules find nothing, and do find what is wrong", () => {
  // Its configuration names the schema beside it.
  const lint = (text) => {
    writeFileSync(join(here, 'schema.graphql'), text);
    return spawnSync(program('eslint'), ['--no-color', '--max-warnings', '0', 'schema.graphql'], { encoding: 'utf8', cwd: here });
  };
  const text = readFileSync(sdl, 'utf8');
  const good = lint(text);
  assert.equal(good.status, 0, good.stdout + good.stderr);
  const bad = lint(text.replace('hasNextPage: Boolean!', 'hasNextPage: Boolean'));
  assert.match(bad.stdout, /relay-page-info/, bad.stdout + bad.stderr);
  const bare = lint(`${text}\ntype Bare { field: Int }\nextend type Query { bare: Bare }\n`);
  assert.match(bare.stdout, /require-description/, bare.stdout + bare.stderr);
});

test('graphql-js reads the schema, and the server answers its introspection', async () => {
  const schema = buildSchema(readFileSync(sdl, 'utf8'));
  assert.ok(introspectionFromSchema(schema).__schema.types.length > 50);
  const body = JSON.stringify({ query: getIntrospectionQuery() });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  const names = (of) => printSchema(lexicographicSortSchema(of)).split('\n').filter((line) => /^(type|enum|input|interface|scalar) /.test(line));
  assert.deepEqual(names(buildClientSchema(data)), names(schema));
});

const COMPONENTS = `
import { graphql } from 'relay-runtime';
const screen = graphql\`
  query demoScreenQuery($count: Int!, $cursor: String) { ...demoBookings_list @arguments(count: $count, cursor: $cursor) me { ...demoUser_card } }\`;
const list = graphql\`
  fragment demoBookings_list on Query @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
    @refetchable(queryName: "demoBookingsPaginationQuery") {
    myBookings(first: $count, after: $cursor) @connection(key: "demo_myBookings") { edges { node { id status total { amount currency } } } }
  }\`;
const card = graphql\`fragment demoUser_card on User @refetchable(queryName: "demoUserRefetchQuery") { id name }\`;
const book = graphql\`
  mutation demoBookMutation($input: RequestBookingInput!) {
    requestBooking(input: $input) { booking { id status } receipt { position token } userErrors { code message } }
  }\`;
const updates = graphql\`subscription demoUpdatesSubscription { myBookingUpdates { cursor node { id status } } }\`;
`;

test('relay-compiler compiles fragments, pagination, refetching, a mutation and a subscription', () => {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-relay-'));
  try {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'package.json'), '{"name":"demo","private":true}');
    writeFileSync(join(folder, 'src', 'demo.js'), COMPONENTS);
    writeFileSync(join(folder, 'relay.config.json'), JSON.stringify({ src: './src', schema: './schema.graphql', language: 'javascript' }));
    writeFileSync(join(folder, 'schema.graphql'), readFileSync(sdl));
    const compiled = spawnSync(program('relay-compiler'), [], { encoding: 'utf8', cwd: folder });
    assert.equal(compiled.status, 0, compiled.stdout + compiled.stderr);
    assert.match(compiled.stdout + compiled.stderr, /[1-9]\d* reader/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
