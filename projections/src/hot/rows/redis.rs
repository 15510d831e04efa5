//! Hot rows in Redis: for each model a hash of rows, a sorted set of terms and keys, a set of places, and a hash with the mark.
//!
//! All four names share one hash tag, so that a cluster keeps them together. Every write is one script, which looks at the mark
//! first: the same step twice, or one of a holder that was overtaken, changes nothing.

use std::time::Duration;

use domain::geo::{E7_PER_DEGREE, GeoPoint};
use redis::{ErrorKind, Pipeline, RedisError, Script, ScriptInvocation, ServerErrorKind, Value};

use super::{Advance, Answer, Ask, Change, HotError, HotRows, MAX_FOUND, Mark, Told};
use crate::hot::BadUrl;
use crate::hot::link::Link;

/// Longest wait for an answer: a step of a thousand events is one script.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a silent holder keeps a model, in milliseconds.
const LEASE_MS: u64 = 5_000;
/// Redis takes the Earth for 0.03 % larger than the search does, and keeps places to half a metre.
const NEAR_FACTOR: f64 = 1.001;
const NEAR_MARGIN_M: f64 = 2.0;

/// Keys: mark. Arguments: holder, lease. Answers with position, epoch and hash, or with nothing.
const TAKE: &str = "
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local old = redis.call('hmget', KEYS[1], 'holder', 'leased', 'epoch', 'position', 'hash')
if old[1] and old[1] ~= ARGV[1] and tonumber(old[2] or '0') >= now then return {} end
local epoch = string.format('%.0f', math.max((tonumber(old[3]) or 0) + 1, now))
local position, hash = old[4] or '0', old[5] or ''
redis.call('hset', KEYS[1], 'holder', ARGV[1], 'leased', string.format('%.0f', now + ARGV[2]),
    'epoch', epoch, 'position', position, 'hash', hash)
return {position, epoch, hash}";

/// Keys: mark, rows, index, places. Arguments: the mark expected (position, epoch, hash), the new position and hash, lease, the
/// number of changes, and each of them: key, number of old terms, these; 0, or 1 with row, number of terms, these; 0, or 1 with
/// longitude and latitude.
const ADVANCE: &str = "
local old = redis.call('hmget', KEYS[1], 'position', 'epoch', 'hash')
if old[1] ~= ARGV[1] or old[2] ~= ARGV[2] or old[3] ~= ARGV[3] then return 0 end
local i = 8
for _ = 1, tonumber(ARGV[7]) do
    local key, olds = ARGV[i], tonumber(ARGV[i + 1])
    i = i + 2
    for _ = 1, olds do
        redis.call('zrem', KEYS[3], ARGV[i] .. key)
        i = i + 1
    end
    redis.call('zrem', KEYS[4], key)
    if ARGV[i] == '0' then
        redis.call('hdel', KEYS[2], key)
        i = i + 1
    else
        redis.call('hset', KEYS[2], key, ARGV[i + 1])
        local news = tonumber(ARGV[i + 2])
        i = i + 3
        for _ = 1, news do
            redis.call('zadd', KEYS[3], 0, ARGV[i] .. key)
            i = i + 1
        end
        if ARGV[i] == '1' then
            redis.call('geoadd', KEYS[4], ARGV[i + 1], ARGV[i + 2], key)
            i = i + 3
        else
            i = i + 1
        end
    end
end
local time = redis.call('time')
local leased = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[6]
redis.call('hset', KEYS[1], 'position', ARGV[4], 'hash', ARGV[5], 'leased', string.format('%.0f', leased))
return 1";

/// Keys as above. Arguments: the mark expected.
const RESET: &str = "
local old = redis.call('hmget', KEYS[1], 'position', 'epoch', 'hash')
if old[1] ~= ARGV[1] or old[2] ~= ARGV[2] or old[3] ~= ARGV[3] then return 0 end
redis.call('unlink', KEYS[2], KEYS[3], KEYS[4])
redis.call('hset', KEYS[1], 'position', '0', 'hash', '')
return 1";

/// Keys: mark. Arguments: epoch.
const RELEASE: &str = "
if redis.call('hget', KEYS[1], 'epoch') == ARGV[1] then redis.call('hdel', KEYS[1], 'holder', 'leased') end
return 1";

/// Keeps rows in Redis, shared by all nodes.
pub struct RedisRows {
    link: Link,
    book: String,
    take: Script,
    advance: Script,
    reset: Script,
    release: Script,
}

impl RedisRows {
    /// The hot rows of a book, by its name, in a Redis that need not be there yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BadUrl`] when the address is none; never because Redis is out of reach.
    pub fn open(url: &str, book: &str) -> Result<Self, BadUrl> {
        Ok(Self {
            link: Link::open(url, RESPONSE_TIMEOUT)?,
            book: book.to_owned(),
            take: Script::new(TAKE),
            advance: Script::new(ADVANCE),
            reset: Script::new(RESET),
            release: Script::new(RELEASE),
        })
    }

    fn name(&self, model: &str, part: &str) -> String {
        format!("{{daybook:{}:rows:{model}}}:{part}", self.book)
    }

    fn names<'s>(&self, script: &'s Script, model: &str) -> ScriptInvocation<'s> {
        let mut invocation = script.prepare_invoke();
        for part in ["mark", "rows", "index", "places"] {
            invocation.key(self.name(model, part));
        }
        invocation
    }

    /// Runs a script. What breaks off within one leaves rows behind that no mark tells apart.
    async fn run<T: redis::FromRedisValue>(&self, invocation: &ScriptInvocation<'_>) -> Result<T, HotError> {
        let asked = async |mut c| sorted(invocation.invoke_async::<T>(&mut c).await);
        self.link.ask(asked).await.ok_or(HotError::Silent)?
    }

    fn question(&self, model: &str, question: &Ask<'_>) -> Pipeline {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("HMGET").arg(self.name(model, "mark")).arg(&["position", "epoch", "hash"]);
        match question {
            // HMGET wants one key at least; nobody asks for the empty one.
            Ask::Keys([]) => pipe.cmd("HMGET").arg(self.name(model, "rows")).arg(""),
            Ask::Keys(keys) => pipe.cmd("HMGET").arg(self.name(model, "rows")).arg(*keys),
            Ask::Count(term) => pipe.cmd("ZLEXCOUNT").arg(self.name(model, "index")).arg(first(term)).arg(last(term)),
            Ask::Find(term) => {
                pipe.cmd("ZRANGEBYLEX").arg(self.name(model, "index")).arg(first(term)).arg(last(term)).arg("LIMIT").arg(0).arg(MAX_FOUND)
            }
            Ask::Near(centre, radius_m) => {
                let radius = f64::from(*radius_m) * NEAR_FACTOR + NEAR_MARGIN_M;
                let pipe = pipe.cmd("GEOSEARCH").arg(self.name(model, "places")).arg("FROMLONLAT").arg(degrees(*centre).as_slice());
                pipe.arg("BYRADIUS").arg(radius).arg("m").arg("COUNT").arg(MAX_FOUND)
            }
        };
        pipe
    }
}

/// The first member of a term, and what comes after its last one: a term ends with a colon, and after the colon comes the semicolon.
fn first(term: &str) -> String {
    format!("[{term}")
}

fn last(term: &str) -> String {
    format!("({};", term.strip_suffix(':').unwrap_or(term))
}

/// Longitude and latitude in degrees, as Redis reads them.
fn degrees(point: GeoPoint) -> [f64; 2] {
    [point.lng_e7(), point.lat_e7()].map(|e7| f64::from(e7) / f64::from(E7_PER_DEGREE))
}

/// Tells what cannot be used (inner error) from what did not come (outer).
fn sorted<T>(answer: Result<T, RedisError>) -> Result<Result<T, HotError>, RedisError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if is_broken(&error) => {
            tracing::error!(%error, "Redis has something else where hot rows should be");
            Ok(Err(HotError::Broken))
        }
        Err(error) => Err(error),
    }
}

/// An answer from within a script, rather than one of a server that is starting, failing over or full.
fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::UnexpectedReturnType | ErrorKind::Parse)
        // Within a pipeline the library keeps the code to itself.
        || error.to_string().contains("WRONGTYPE")
}

fn mark(position: Option<u64>, epoch: Option<u64>, hash: Option<String>) -> Mark {
    Mark { position: position.unwrap_or(0), epoch: epoch.unwrap_or(0), hash: hash.unwrap_or_default() }
}

fn write(invocation: &mut ScriptInvocation<'_>, change: &Change) {
    invocation.arg(&change.key).arg(change.old_terms.len()).arg(&change.old_terms);
    match &change.new {
        None => {
            invocation.arg(0);
        }
        Some(row) => {
            invocation.arg(1).arg(&row.doc).arg(row.terms.len()).arg(&row.terms);
            match row.place {
                None => invocation.arg(0),
                Some(place) => invocation.arg(1).arg(degrees(place).as_slice()),
            };
        }
    }
}

impl HotRows for RedisRows {
    fn take<'a>(&'a self, model: &'a str, holder: &'a str) -> Answer<'a, Option<Mark>> {
        Box::pin(async move {
            let mut invocation = self.names(&self.take, model);
            let taken: Vec<String> = self.run(invocation.arg(holder).arg(LEASE_MS)).await?;
            match taken.as_slice() {
                [] => Ok(None),
                [position, epoch, hash] => {
                    let number = |text: &String| text.parse().map_err(|_| HotError::Broken);
                    Ok(Some(Mark { position: number(position)?, epoch: number(epoch)?, hash: hash.clone() }))
                }
                _ => Err(HotError::Broken),
            }
        })
    }

    fn advance<'a>(&'a self, model: &'a str, step: Advance<'a>) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut invocation = self.names(&self.advance, model);
            invocation.arg(step.from.position).arg(step.from.epoch).arg(&step.from.hash);
            invocation.arg(step.position).arg(step.hash).arg(LEASE_MS).arg(step.changes.len());
            step.changes.iter().for_each(|change| write(&mut invocation, change));
            self.run(&invocation).await
        })
    }

    fn reset<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut invocation = self.names(&self.reset, model);
            self.run(invocation.arg(from.position).arg(from.epoch).arg(&from.hash)).await
        })
    }

    fn release<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut invocation = self.names(&self.release, model);
            self.run::<bool>(invocation.arg(from.epoch)).await.map(drop)
        })
    }

    fn ask<'a>(&'a self, model: &'a str, question: Ask<'a>) -> Answer<'a, (Mark, Told)> {
        Box::pin(async move {
            let pipe = self.question(model, &question);
            let asked = async |mut c| sorted(pipe.query_async::<((Option<u64>, Option<u64>, Option<String>), Value)>(&mut c).await);
            let ((position, epoch, hash), value) = self.link.ask(asked).await.ok_or(HotError::Silent)??;
            let told = match question {
                Ask::Keys([]) => Told::Docs(Vec::new()),
                Ask::Keys(_) => Told::Docs(redis::from_redis_value(value).map_err(|_| HotError::Broken)?),
                Ask::Count(_) => Told::Count(redis::from_redis_value(value).map_err(|_| HotError::Broken)?),
                Ask::Near(..) => Told::Keys(redis::from_redis_value(value).map_err(|_| HotError::Broken)?),
                Ask::Find(term) => {
                    let members: Vec<String> = redis::from_redis_value(value).map_err(|_| HotError::Broken)?;
                    Told::Keys(members.into_iter().filter_map(|member| member.strip_prefix(term).map(str::to_owned)).collect())
                }
            };
            Ok((mark(position, epoch, hash), told))
        })
    }
}
