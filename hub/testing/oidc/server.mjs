// A provider for tests: the certified oidc-provider with a few clients, short lives, and an API that wants its tokens.
// Started as `node server.mjs MODULES`, MODULES being where its packages are; settings come as JSON in HUB_OIDC.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const modules = process.argv[2];
const require = createRequire(path.join(modules, 'package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const { port, access = 3600, refresh = 86400, rotate = true, secret } = JSON.parse(process.env.HUB_OIDC);
const issuer = `http://127.0.0.1:${port}`;

const client = (client_id, more) => ({ client_id, response_types: [], redirect_uris: [], ...more });
const clients = [
  client('robot', { client_secret: secret, grant_types: ['client_credentials'] }),
  client('robot-post', {
    client_secret: secret, grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post',
  }),
  client('terminal', {
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'],
  }),
];

const provider = new Provider(issuer, {
  clients,
  scopes: ['openid', 'offline_access', 'email', 'read', 'write'],
  claims: { openid: ['sub'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    devInteractions: { enabled: true },
  },
  rotateRefreshToken: rotate,
  ttl: {
    AccessToken: access, ClientCredentials: access, RefreshToken: refresh, AuthorizationCode: 60, IdToken: 3600,
    DeviceCode: 60, Interaction: 600, Session: 600, Grant: 86400,
  },
  cookies: { keys: ['only for tests'] },
});

// The API: answers what it was asked by whom, and 401 to tokens that aren't good.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/api')) return next();
  const [, token] = /^Bearer (.+)$/.exec(ctx.get('authorization')) ?? [];
  const found = token && ((await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)));
  if (!found) {
    ctx.status = 401;
    ctx.body = { message: `no good token: ${token}` }; // an API that echoes what it should not
    return undefined;
  }
  ctx.body = { client: found.clientId, account: found.accountId ?? null, scope: found.scope ?? null };
  return undefined;
});

// How many tokens were given out, by grant.
const counts = {};
for (const kind of ['grant.success', 'grant.error']) {
  provider.on(kind, (ctx) => {
    const name = `${kind} ${ctx.oidc?.params?.grant_type}`;
    counts[name] = (counts[name] ?? 0) + 1;
  });
}
provider.use(async (ctx, next) => {
  if (ctx.path !== '/counts') return next();
  ctx.body = counts;
  return undefined;
});

provider.listen(port, '127.0.0.1', () => console.log('listening'));
