#!/bin/sh
# The application's own role: it may append to the log and cannot change it. `daybook migrate up` gives it its rights.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set=password="$DAYBOOK_DB_PASSWORD" <<'SQL'
create role daybook_app login password :'password';
grant connect on database daybook to daybook_app;
-- read models live in a schema that the application makes itself
grant create on database daybook to daybook_app;
SQL
