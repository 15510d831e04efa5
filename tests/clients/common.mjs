// What every client test needs: the server's addresses, its demo users, and a fresh period of time to book.
//
// The server is started by `run`, which puts what `daybook dev --json` printed into DAYBOOK_READY.
import { randomUUID } from 'node:crypto';

const ready = JSON.parse(process.env.DAYBOOK_READY ?? '{}');
if (!ready.graphqlUrl) throw new Error('DAYBOOK_READY is not set; start the tests with tests/clients/run');

export const url = ready.graphqlUrl;
export const socketUrl = url.replace(/^http/, 'ws');
export const token = (user) => ready.tokens[user];
export const bearer = (user) => `Bearer ${token(user)}`;
export const key = () => randomUUID();

// Nobody else books these hours: each test takes a day of its own.
const days = { apollo: 3, urql: 4, ws: 5, sse: 6 };
export function period(test) {
  const start = new Date(Date.now() + days[test] * 86_400_000);
  start.setUTCMinutes(0, 0, 0);
  return { startsAt: start.toISOString(), endsAt: new Date(start.getTime() + 4 * 3_600_000).toISOString() };
}

export const SEARCH = `
  query Search($startsAt: DateTime!, $endsAt: DateTime!) {
    searchVehicles(lat: 37.5665, lng: 126.9780, startsAt: $startsAt, endsAt: $endsAt, first: 1) {
      nodes { vehicle { id make model } quote { total { amount currency } } }
    }
  }`;

export const REQUEST = `
  mutation Book($input: RequestBookingInput!) {
    requestBooking(input: $input) {
      booking { id status startsAt endsAt total { amount currency } }
      receipt { position token replayed }
      userErrors { code message field }
    }
  }`;

export const UPDATES = `
  subscription Updates($after: String) {
    myBookingUpdates(after: $after) { cursor node { id status } }
  }`;

export const VIEWER = 'query Me { me { id name } }';

// A promise with a bound: a client that waits for ever is a failure, not a hang.
export function within(promise, what, ms = 20_000) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
