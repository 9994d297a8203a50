// A real OpenID provider on a free port of this machine, for tests. Reads its configuration as JSON from the first line of standard input:
//   { gateway: "https://127.0.0.1:PORT", seconds: how long an ID token for somebody at acme holds, accounts: { NAME: claims },
//     odoos: { CLIENT_ID: "http://127.0.0.1:PORT" } }   with Odoos, all are one house's: nobody is asked whether one may know them
// prints its issuer, and lives until standard input ends. An account signs in by its name alone.
import { createServer } from "node:http";
import readline from "node:readline";
import Provider from "oidc-provider";

const lines = readline.createInterface({ input: process.stdin });
const { gateway, seconds, accounts, odoos = {} } = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const claims = ["email", "tenant_id", "roles", "odoo_db"];
const odooClients = Object.entries(odoos).map(([client_id, url]) => ({
    client_id,
    client_secret: `secret of ${client_id}`,
    redirect_uris: [`${url}/auth_oauth/signin`],
    post_logout_redirect_uris: [`${url}/web/login`],
    backchannel_logout_uri: `${url}/presdr_signon/backchannel`,
    backchannel_logout_session_required: true,
}));

async function grant({ oidc: { result, session, client, provider } }) {
    const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
    if (known) return provider.Grant.find(known);
    if (odooClients.length === 0) return undefined;
    const given = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    given.addOIDCScope("openid email profile offline_access");
    await given.save();
    return given;
}

const provider = new Provider(issuer, {
    clients: [...odooClients, {
        client_id: "presdr",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        redirect_uris: [`${gateway}/login/callback`],
        post_logout_redirect_uris: [`${gateway}/`],
        backchannel_logout_uri: `${gateway}/logout/backchannel`,
        backchannel_logout_session_required: true,
    }],
    claims: { openid: ["sub", ...claims], email: ["email"], profile: [] },
    conformIdTokenClaims: false,
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    loadExistingGrant: grant,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    // By itself the provider calls no address of this machine.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    ttl: { IdToken: (context) => (context.oidc.account?.accountId.endsWith("acme") ? seconds : 600), AccessToken: 600, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
});
provider.on("server_error", (_, error) => console.error(error));
provider.on("backchannel.error", (_, error) => console.error("backchannel", error));
server.on("request", provider.callback());
console.log(issuer);
lines.on("close", () => process.exit(0));
