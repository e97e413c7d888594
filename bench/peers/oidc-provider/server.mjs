// oidc-provider as its documentation sets it up: one client, rotation on, opaque tokens, no ID token asked for, and a
// sign-in and a consent page of plain HTML.
//
// node server.mjs PORT postgres|sqlite|memory [ADDRESS]
//
// POST /bench/fill makes codes and live tokens with the provider's own models, ahead of a measurement.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import * as adapters from './adapters.mjs';

const [port, store, address] = process.argv.slice(2);
const adapter = await adapters[store](address);
const redirectUri = 'https://client.example/callback';
const year = 365 * 86400;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter,
  clients: [{
    client_id: 'app', client_secret: 'a-secret-of-some-length-for-the-benchmark', redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic', scope: 'api',
  }],
  scopes: ['api'],
  cookies: { keys: ['a key for the benchmark'] },
  pkce: { required: () => false },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  expiresWithSession: async () => false,
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true },
  },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: year, AuthorizationCode: 3600, Grant: year, Interaction: 3600, RefreshToken: year, Session: year },
});

const page = (uid, what) => `<!doctype html><html lang="en"><title>${what}</title><body><h1>${what}</h1>
<form method="post" action="/interaction/${uid}"><button>Continue</button></form></body></html>`;

async function grantOf(details) {
  const grant = (details.grantId && await provider.Grant.find(details.grantId))
    || new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope('api');
  return grant.save();
}

async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const body = page(details.uid, details.prompt.name === 'login' ? 'Sign in' : 'Allow App to use your account?');
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': Buffer.byteLength(body) }).end(body);
    return;
  }
  const result = details.prompt.name === 'login'
    ? { login: { accountId: 'ann' } } : { consent: { grantId: await grantOf(details) } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function fill(codes, live) {
  const client = await provider.Client.find('app');
  const pool = { codes: [], refresh_tokens: [], access_tokens: [] };
  const authTime = Math.floor(Date.now() / 1000);
  async function common() {
    const grant = new provider.Grant({ accountId: 'ann', clientId: 'app' });
    grant.addOIDCScope('api');
    return {
      accountId: 'ann', client, grantId: await grant.save(), scope: 'api', authTime, claims: {},
      gty: 'authorization_code', expiresWithSession: false,
    };
  }
  const jobs = [
    ...Array(codes).fill(async () => pool.codes.push(
      await new provider.AuthorizationCode({ ...await common(), gty: undefined, redirectUri }).save())),
    ...Array(live).fill(async () => pool.refresh_tokens.push(
      await new provider.RefreshToken({ ...await common(), rotations: 0, iiat: authTime }).save())),
    ...Array(live).fill(async () => pool.access_tokens.push(await new provider.AccessToken(await common()).save())),
  ];
  const work = async () => { for (let job = jobs.pop(); job; job = jobs.pop()) await job(); };
  await (adapter.together ? adapter.together(work) : Promise.all(Array.from({ length: 10 }, work)));
  return pool;
}

const serve = provider.callback();

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  try {
    if (pathname.startsWith('/interaction/')) {
      request.resume();
      await interaction(request, response);
    } else if (pathname === '/bench/fill') {
      response.end(JSON.stringify(await fill(Number(searchParams.get('codes')), Number(searchParams.get('live')))));
    } else {
      serve(request, response);
    }
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
}).listen(Number(port), '127.0.0.1');
