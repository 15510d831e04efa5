// All audits of the npm package graphql-http, MUST, SHOULD and MAY alike.
import test from 'node:test';
import assert from 'node:assert/strict';
import { serverAudits } from 'graphql-http';
import { url } from './common.mjs';

const AUDITS = 61;
const audits = serverAudits({ url, fetchFn: fetch });

test(`there are ${AUDITS} audits`, () => assert.equal(audits.length, AUDITS));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    const body = result.status === 'ok' ? '' : await result.response.text();
    assert.equal(result.status, 'ok', `${result.reason}: ${body}`);
  });
}
