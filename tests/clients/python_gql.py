"""Python's gql: query and mutation over HTTP, subscription over WebSocket, and what errors look like."""

import asyncio
import json
import os
import uuid
from datetime import datetime, timedelta, timezone

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

READY = json.loads(os.environ["DAYBOOK_READY"])
URL = READY["graphqlUrl"]
TOKEN = f"Bearer {READY['tokens']['guest']}"
PATIENCE_S = 20

SEARCH = gql("""
  query Search($startsAt: DateTime!, $endsAt: DateTime!) {
    searchVehicles(lat: 37.5665, lng: 126.9780, startsAt: $startsAt, endsAt: $endsAt, first: 1) {
      nodes { vehicle { id } }
    }
  }""")
REQUEST = gql("""
  mutation Book($input: RequestBookingInput!) {
    requestBooking(input: $input) { booking { id status } userErrors { code } }
  }""")
UPDATES = gql("subscription { myBookingUpdates { cursor node { id status } } }")


def variables(request, **values):
    request.variable_values = values
    return request


async def first_update(ready: asyncio.Event):
    # As it comes: both protocols are offered, and gql finds the server's choice under `Sec-WebSocket-Protocol` in exactly these capitals.
    transport = WebsocketsTransport(url=URL.replace("http", "ws", 1), init_payload={"Authorization": TOKEN})
    async with Client(transport=transport) as session:
        asyncio.get_running_loop().call_later(0.5, ready.set)
        async for update in session.subscribe(UPDATES):
            return update["myBookingUpdates"]["node"]


async def main():
    start = (datetime.now(timezone.utc) + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    when = {"startsAt": start.isoformat(), "endsAt": (start + timedelta(hours=4)).isoformat()}
    http = AIOHTTPTransport(url=URL, headers={"Authorization": TOKEN, "Accept-Language": "en"})
    # The schema is fetched by introspection, and every document is checked against it before it is sent.
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        found = await session.execute(variables(SEARCH, **when))
        vehicle = found["searchVehicles"]["nodes"][0]["vehicle"]["id"]
        ready = asyncio.Event()
        update = asyncio.create_task(first_update(ready))
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        given = {"idempotencyKey": str(uuid.uuid4()), "vehicleId": vehicle, **when}
        booked = (await session.execute(variables(REQUEST, input=given)))["requestBooking"]
        assert booked["userErrors"] == [], booked
        assert booked["booking"]["status"] == "PENDING", booked
        seen = await asyncio.wait_for(update, PATIENCE_S)
        assert seen["id"] == booked["booking"]["id"], seen
    async with Client(transport=AIOHTTPTransport(url=URL)) as session:
        try:
            await session.execute(gql("{ nonsense }"))
        except TransportQueryError as error:
            assert error.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED", error.errors
        else:
            raise AssertionError("a wrong document was executed")
    print("ok - gql: query, mutation, subscription, error")


asyncio.run(main())
