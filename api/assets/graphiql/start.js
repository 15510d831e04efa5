// Starts GraphiQL with the examples of this server. Talks to this server only, and keeps nothing in the browser.
'use strict';

const answers = { headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'accept-language': 'en' } };

// The answers of a subscription, one event each.
async function* events(response) {
  let text = '';
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (block.startsWith('event: next') && data) yield JSON.parse(data.slice(6));
    }
  }
}

async function fetcher(params, options) {
  const headers = { ...answers.headers, ...options?.headers };
  const response = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify(params) });
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  return isStream ? events(response) : response.json();
}

// Tomorrow at this hour in Seoul.
function tomorrow(hour) {
  const day = new Date(Date.now() + 33 * 3_600_000).toISOString().slice(0, 10);
  return `${day}T${hour}:00:00+09:00`;
}

function filled(text, fills) {
  return text.replace(/\{\{(\w+)\}\}/g, (hole, name) => {
    if (name === 'key') return crypto.randomUUID();
    if (name === 'start') return tomorrow('10');
    if (name === 'end') return tomorrow('14');
    return fills[name] ?? hole;
  });
}

const kept = new Map();
const storage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => { kept.set(name, value); },
  removeItem: (name) => { kept.delete(name); },
  clear: () => kept.clear(),
  get length() { return kept.size; },
};

fetch('/graphiql/examples.json').then((response) => response.json()).then(({ examples, fills }) => {
  const tabs = examples.map(({ title, user, query, variables }) => ({
    query: `# ${title}\n${query}`,
    variables: filled(variables, fills),
    headers: user ? JSON.stringify({ Authorization: fills[user] ?? 'Bearer (an access token; sign in with the mutation `login`)' }, null, 2) : '',
  }));
  const props = { fetcher, storage, defaultTabs: tabs, defaultEditorToolsVisibility: 'variables', shouldPersistHeaders: false };
  ReactDOM.createRoot(document.getElementById('graphiql')).render(React.createElement(GraphiQL, props));
});
