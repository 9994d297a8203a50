// One person, one sign-in: the gateway and a real Odoo. Reads { gateway, executable, issuer, odoo } as JSON from its argument, `odoo` being where
// acme's Odoo is, and prints one JSON object: what each step came to.
import { chromium } from "playwright-core";

const { gateway, executable, issuer, odoo } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-gpu"] });
const seen = {};
// A server that has just been started makes what its first pages need.
const PATIENCE = 60_000;

async function person() {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(PATIENCE);
    context.setDefaultNavigationTimeout(PATIENCE);
    return { context, page: await context.newPage() };
}

// Gives the provider a name and a password.
async function tellName({ page }, account) {
    await page.fill("input[name=login]", account);
    await page.fill("input[name=password]", "any");
    await page.click("button[type=submit]", { noWaitAfter: true });
}

async function toGateway(one, account) {
    await one.page.goto(`${gateway}/login`);
    if (account) await tellName(one, account);
    await one.page.waitForSelector("#tenant");
}

// Follows the link on Odoo's page, and tells where that ends: in Odoo, or back at its sign-in with an error.
async function toOdoo(one, account) {
    await one.page.goto(`${odoo}/web/login`);
    await one.page.click("a:has-text(\"Sign in with Test SSO\")", { noWaitAfter: true });
    if (account) {
        await one.page.waitForSelector("input[name=login][type=text]");
        await tellName(one, account);
    }
    await one.page.waitForURL((url) => url.origin === odoo && (url.pathname.startsWith("/odoo") || url.searchParams.has("oauth_error")), { waitUntil: "commit" });
    const { pathname, searchParams } = new URL(one.page.url());
    return searchParams.has("oauth_error") ? `refused with ${searchParams.get("oauth_error")}` : pathname;
}

async function atGateway({ context }) {
    const answer = await context.request.get(`${gateway}/whoami`);
    return answer.ok() ? (await answer.json()).sub : answer.status();
}

async function atOdoo({ context }) {
    const answer = await context.request.post(`${odoo}/web/session/get_session_info`, { data: { jsonrpc: "2.0", params: {} } });
    const { result, error } = await answer.json();
    return result ? result.username : error.data.name;
}

const both = async (one) => [await atGateway(one), await atOdoo(one)];

// What is told behind the browser's back comes a moment later.
async function until(one, wanted) {
    const whoever = await both(one);
    for (let tries = 0; tries < 100; tries++) {
        const now = await both(one);
        if (wanted(now)) return now;
        await new Promise((passed) => setTimeout(passed, 100));
    }
    return { before: whoever, now: await both(one) };
}

async function agreeToSignOut({ page }, back) {
    await page.click("button[name=logout]", { noWaitAfter: true });
    await page.waitForURL((url) => url.href.startsWith(back), { waitUntil: "commit" });
}

try {
    const jane = await person();
    seen.nobody = await both(jane);
    await toGateway(jane, "jane-at-acme");
    seen.link = await toOdoo(jane);
    seen.same = await both(jane);

    await jane.page.goto(`${gateway}/`);
    await jane.page.click("#logout", { noWaitAfter: true });
    await agreeToSignOut(jane, `${gateway}/`);
    seen.afterGateway = await until(jane, ([gateway, odoo]) => gateway === 401 && odoo !== "jane@acme.test");

    // The other way round: she begins and ends in Odoo.
    seen.first = await toOdoo(jane, "jane-at-acme");
    await toGateway(jane);
    seen.sameAgain = await both(jane);
    await jane.page.goto(`${odoo}/web/session/logout`);
    await agreeToSignOut(jane, `${odoo}/web/login`);
    seen.afterOdoo = await until(jane, ([gateway, odoo]) => gateway === 401 && odoo !== "jane@acme.test");

    // Two browsers: auth_oauth lets the second sign-in end the first one's Odoo session. Signing out in the first leaves the second alone.
    const office = await person();
    await toOdoo(office, "jane-at-acme");
    await toGateway(office);
    const phone = await person();
    await toOdoo(phone, "jane-at-acme");
    await toGateway(phone);
    seen.twoBrowsers = [await both(office), await both(phone)];
    await office.page.goto(`${gateway}/`);
    await office.page.click("#logout", { noWaitAfter: true });
    await agreeToSignOut(office, `${gateway}/`);
    seen.oneOfTwo = [await both(office), await both(phone)];

    // What nobody has signed ends nothing.
    const encoded = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
    const claims = { iss: issuer, aud: "odoo-acme", sub: "jane-at-acme", jti: "1", iat: 1, exp: 4_000_000_000, events };
    const forged = ["", "x", `${encoded({ alg: "none" })}.${encoded(claims)}.`, `${encoded({ alg: "RS256" })}.${encoded(claims)}.AAAA`];
    seen.forged = [];
    for (const logout_token of forged) {
        seen.forged.push((await phone.context.request.post(`${odoo}/presdr_signon/backchannel`, { form: { logout_token } })).status());
    }
    seen.afterForged = await both(phone);

    // Another tenant's users; somebody of this tenant whom its Odoo does not know.
    seen.strangers = [];
    for (const account of ["jane-at-globex", "jim-at-globex", "joe-at-acme"]) {
        const stranger = await person();
        seen.strangers.push([await toOdoo(stranger, account), await atOdoo(stranger)]);
    }
} catch (error) {
    seen.error = String(error.stack ?? error);
} finally {
    await browser.close();
}
console.log(JSON.stringify(seen));
