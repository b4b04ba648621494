// An OpenID provider that signs in whoever `login_hint` names, without asking.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const [modules, secret] = process.argv.slice(2);
const { Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

const groups = { ada: ["plant", "everybody"], bob: ["everybody"] };
// The test changes what somebody may do by writing the file.
const groupsOf = (id) => {
  try {
    return JSON.parse(readFileSync(process.argv[4], "utf8"))[id] ?? groups[id] ?? [];
  } catch {
    return groups[id] ?? [];
  }
};

let answer = (request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "hub",
        client_secret: secret,
        application_type: "native",
        redirect_uris: ["http://127.0.0.1/back", "http://127.0.0.1/callback"],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    pkce: { required: () => true },
    scopes: ["openid", "profile"],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["for tests only"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (context, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: `subject-of-${id}`, preferred_username: id, groups: groupsOf(id) }),
    }),
    loadExistingGrant: async (context) => {
      const grant = new provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  const others = provider.callback();
  answer = async (request, response) => {
    if (!request.url.startsWith("/sign-in/")) {
      return others(request, response);
    }
    try {
      const { params, prompt } = await provider.interactionDetails(request, response);
      const result = prompt.name === "login" ? { login: { accountId: params.login_hint } } : { consent: {} };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    } catch (error) {
      response.writeHead(500).end(String(error.stack));
    }
  };
  console.log(issuer);
});
