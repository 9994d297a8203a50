// People in a real browser. Reads { gateway, chromium } as JSON from its arguments and prints one JSON object: what each step came to.
import { chromium } from "playwright-core";

const { gateway, executable } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-gpu"] });
const seen = {};

async function person() {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
    return { context, page: await context.newPage() };
}

async function signIn({ page }, account) {
    await page.goto(`${gateway}/login`);
    await page.fill("input[name=login]", account);
    await page.fill("input[name=password]", "any");
    await page.click("button[type=submit]");
    await page.waitForSelector("input[name=prompt][value=consent]", { state: "attached" });
    await page.click("button[type=submit]");
    await page.waitForSelector("#tenant");
    return { who: await page.textContent("#who"), tenant: await page.textContent("#tenant") };
}

async function whoami({ context }, stolen) {
    const headers = stolen ? { cookie: `__Host-presdr=${stolen.value}` } : {};
    const answer = await context.request.get(`${gateway}/whoami`, { headers });
    return { status: answer.status(), body: await answer.json() };
}

try {
    const one = await person();
    seen.nobody = (await whoami(one)).status;
    seen.signedIn = await signIn(one, "jane-at-acme");
    seen.who = await whoami(one);
    const [cookie] = (await one.context.cookies(gateway)).filter((cookie) => cookie.name === "__Host-presdr");
    seen.cookie = { httpOnly: cookie.httpOnly, secure: cookie.secure, sameSite: cookie.sameSite, path: cookie.path };
    seen.script = await one.page.evaluate(() => document.cookie);

    // What changes something comes from our own pages alone.
    const post = (origin) => one.context.request.post(`${gateway}/runs/start`, { data: {}, headers: origin ? { origin } : {} });
    seen.works = (await whoami(await person(), cookie)).status;
    seen.forged = [(await post("https://evil.example")).status(), (await post(undefined)).status()];
    seen.ours = (await post(gateway)).status();

    // A page that watches a run.
    await one.context.request.put(`${gateway}/icp`, { data: { keywords: ["services"] }, headers: { origin: gateway } });
    const started = await one.context.request.post(`${gateway}/runs/start`, { data: { cap: 1 }, headers: { origin: gateway } });
    const watching = await one.context.newPage();
    await watching.goto(gateway);
    await watching.evaluate((url) => {
        const source = new EventSource(url);
        source.addEventListener("open", () => (window.watches = true));
        source.addEventListener("end", (event) => {
            source.close();
            window.ended = JSON.parse(event.data).reason;
        });
    }, `/runs/${(await started.json()).run_id}/events`);
    await watching.waitForFunction(() => window.watches);

    // The ID token holds for two seconds: the session is renewed without the person noticing, once for all who ask.
    await new Promise((passed) => setTimeout(passed, 2500));
    // Nobody but the stream has asked meanwhile: had it not renewed the session, it would have ended with it.
    seen.watchesOn = await watching.evaluate(() => window.watches === true && window.ended === undefined);
    const answers = await Promise.all(Array.from({ length: 5 }, () => whoami(one)));
    seen.renewed = answers.map((answer) => answer.status);

    // Signing out here leads to signing out at the provider, and back.
    await one.page.goto(`${gateway}/`);
    await one.page.click("#logout");
    await one.page.waitForSelector("button[name=logout]");
    seen.signedOutHere = (await whoami(one)).status;
    await watching.waitForFunction(() => window.ended !== undefined);
    seen.watchedUntil = await watching.evaluate(() => window.ended);
    await watching.close();
    const thief = await person();
    seen.stolenAfterwards = (await whoami(thief, cookie)).status;
    await one.page.click("button[name=logout]");
    await one.page.waitForURL(`${gateway}/`);

    // Two tenants of one person in one browser: the second sign-in ends the first session.
    const two = await person();
    await signIn(two, "jane-at-acme");
    const first = (await two.context.cookies(gateway)).find((cookie) => cookie.name === "__Host-presdr");
    await two.context.clearCookies({ domain: "127.0.0.1", name: /^_(session|interaction|grant)/ });
    seen.second = await signIn(two, "jane-at-globex");
    seen.secondWho = (await whoami(two)).body.tenant_id;
    seen.firstAfterSecond = (await whoami(thief, first)).status;

    // Signed out at the provider, which tells us behind the browser's back.
    const issuer = process.argv[3];
    const before = (await whoami(two)).status;
    await two.page.goto(`${issuer}/session/end`);
    await two.page.click("button[name=logout]");
    let after = before;
    for (let tries = 0; tries < 50 && after === before; tries++) {
        await new Promise((passed) => setTimeout(passed, 100));
        after = (await whoami(two)).status;
    }
    seen.backchannel = [before, after];

    // Somebody whose tenant is not here, and somebody whose token names another Odoo than the tenant's.
    seen.strangers = [];
    for (const account of ["joe-at-nowhere", "jim-at-acme"]) {
        const stranger = await person();
        await stranger.page.goto(`${gateway}/login`);
        await stranger.page.fill("input[name=login]", account);
        await stranger.page.fill("input[name=password]", "any");
        await stranger.page.click("button[type=submit]");
        await stranger.page.waitForSelector("input[name=prompt][value=consent]", { state: "attached" });
        const [answer] = await Promise.all([
            stranger.page.waitForResponse((answer) => answer.url().startsWith(`${gateway}/login/callback`)),
            stranger.page.click("button[type=submit]"),
        ]);
        seen.strangers.push(answer.status());
    }
} catch (error) {
    seen.error = String(error.stack ?? error);
} finally {
    await browser.close();
}
console.log(JSON.stringify(seen));
