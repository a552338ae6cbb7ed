// Journeys: logging in and out, being refused and slowed down, pages without a login.
import { expect, refusal, test } from "./fixtures";
import { expectNoSidewaysScroll, fillLogin, hydrated, logIn, open, shots } from "./steps";

test("a wrong password and an unknown user get the same answer @phone", async ({ page, console: server, expectedTrouble }) => {
  expectedTrouble.push(...refusal(401, "/rpc/login"));
  await open(page, "/login");
  const answers: string[] = [];
  for (const name of [server.logins.admin.name, "nobody-here"]) {
    const answered = page.waitForResponse("**/rpc/login");
    await fillLogin(page, name, "not the password");
    await answered;
    await expect(page.getByRole("alert")).not.toBeEmpty();
    answers.push(await page.getByRole("alert").innerText());
  }
  expect(answers[0]).toBe(answers[1]);
  await expectNoSidewaysScroll(page);
  await shots(page, "login-refused");
});

test("who guesses is slowed down and told for how long", async ({ page, expectedTrouble }) => {
  expectedTrouble.push(...refusal(401, "/rpc/login"), ...refusal(429, "/rpc/login"));
  await open(page, "/login");
  // A name of its own, so that nobody else's login is slowed.
  const name = `guessed-${Date.now()}`;
  for (let tries = 0; tries < 5; tries += 1) {
    const answered = page.waitForResponse("**/rpc/login");
    await fillLogin(page, name, `wrong guess ${tries}`);
    expect((await answered).status()).toBe(401);
  }
  await fillLogin(page, name, "one guess more");
  await expect(page.getByRole("alert")).toContainText(/Too many tries; try again in \d+ seconds?/);
});

test("logs in, sees the clusters page, logs out @phone", async ({ page, console: server }) => {
  await logIn(page, server.logins.admin);
  await expectNoSidewaysScroll(page);
  await page.getByRole("button", { name: server.logins.admin.name }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login/);
  await page.goto("/hosts");
  await expect(page).toHaveURL(/\/login/);
});

test("a page asked for before the login is shown after it", async ({ page, console: server }) => {
  await page.goto("/operations?x=1");
  await expect(page).toHaveURL(/\/login\?next=/);
  await hydrated(page);
  await fillLogin(page, server.logins.viewer.name, server.logins.viewer.password);
  await expect(page.getByRole("heading", { level: 1, name: "Operations" })).toBeVisible();
  await expect(page).toHaveURL(/\/operations\?x=1$/);
});

test("a session that was ended elsewhere leaves the page readable and says so", async ({ page, context, console: server }) => {
  await logIn(page, server.logins.viewer);
  const other = await context.newPage();
  await open(other, "/settings");
  await other.getByRole("button", { name: server.logins.viewer.name }).click();
  await other.getByRole("menuitem", { name: "Log out" }).click();
  await expect(other).toHaveURL(/\/login/);
  await expect(page.getByText("Your session ended")).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole("heading", { level: 1, name: "Clusters" })).toBeVisible();
});
