// Journey: the first minutes with a new console, from the link on the terminal to the first admin and the first hosts.
import { expect, refusal, test } from "./fixtures";
import { until } from "../lib/console.mjs";
import { addressOf, authorize, fingerprints } from "../lib/lab.mjs";
import { expectNoSidewaysScroll, hydrated, shots } from "./steps";
import { existsSync, readFileSync, statSync } from "node:fs";

/** The set-up link: on the terminal, or (as here, without one) in a file that only its owner can read. */
async function setupLink(dataDir: string): Promise<string> {
  const file = `${dataDir}/setup-code`;
  await until("the set-up code's file", 10, () => existsSync(file));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return readFileSync(file, "utf8").trim();
}

test("you, the SSH key, the first hosts: from the one-time link to hosts that wait to be trusted @phone", async ({ page, freshConsole, hostNumbers }) => {
  const link = await setupLink(freshConsole.dataDir);
  await page.goto(freshConsole.url);
  await expect(page).toHaveURL(/\/setup$/);
  const step = page.getByRole("list", { name: "Set-up" }).locator("[aria-current=step]");

  await page.goto("about:blank");
  await page.goto(link);
  await hydrated(page);
  // The code leaves the address bar (and the history) at once.
  await expect(page).toHaveURL(/\/setup$/);
  await expect(step).toHaveText("You");
  await expectNoSidewaysScroll(page);
  await shots(page, "setup");
  await page.getByLabel("Name").fill("anna");
  await page.getByLabel("Password", { exact: true }).fill("nine quiet otters swim");
  await page.getByRole("button", { name: "Create the first admin" }).click();

  await expect(page).toHaveURL(/\/hosts\/add\?first=1$/);
  await hydrated(page);
  await expect(step).toHaveText("The console's SSH key");
  await expect(page.getByText("master.key")).toBeVisible();
  const key = await page.locator("code", { hasText: /^ssh-ed25519 / }).innerText();
  await expectNoSidewaysScroll(page);
  await shots(page, "setup-key");

  authorize(hostNumbers, key);
  const lines = hostNumbers.map((number) => `ops@${addressOf(number)} lab${number}`);
  await page.getByLabel("Hosts", { exact: true }).fill(lines.join("\n"));
  await page.getByRole("button", { name: "Add 3 hosts" }).click();
  await expect(page).toHaveURL(/\/hosts$/);
  for (const number of hostNumbers) {
    await expect(page.getByRole("button", { name: `Trust lab${number}`, exact: true })).toBeVisible();
    for (const fingerprint of fingerprints(number)) await expect(page.getByText(fingerprint)).toBeVisible();
  }
  await expectNoSidewaysScroll(page);
});

test("a used code is worth nothing", async ({ page, freshConsole, expectedTrouble }) => {
  expectedTrouble.push(/^console: .*status of \d+ .*\/rpc\/setup/);
  const link = await setupLink(freshConsole.dataDir);
  const code = link.split("#")[1];
  const redeem = (name: string) => page.request.post(`${freshConsole.url}/rpc/setup`, {
    headers: { origin: freshConsole.url }, data: { code, name, password: "nine quiet otters swim" },
  });
  expect((await redeem("anna")).status()).toBe(200);
  await page.context().clearCookies();
  const again = await redeem("eve");
  expect(again.status()).toBeGreaterThanOrEqual(400);
  expect((await again.json()).fields).toEqual([expect.objectContaining({ field: "code", message: expect.stringContaining("used already") })]);
  await page.goto(link);
  await expect(page).toHaveURL(/\/login/);
  await expect.poll(() => existsSync(`${freshConsole.dataDir}/setup-code`)).toBe(false);
});

test("what is wrong with the first admin is said at its field", async ({ page, freshConsole, expectedTrouble }) => {
  expectedTrouble.push(...refusal(422, "/rpc/setup"), ...refusal(400, "/rpc/setup"));
  await page.goto(await setupLink(freshConsole.dataDir));
  await hydrated(page);
  await page.getByLabel("Name").fill("anna");
  await page.getByLabel("Password", { exact: true }).fill("passwordpassword");
  await page.getByRole("button", { name: "Create the first admin" }).click();
  const password = page.getByLabel("Password", { exact: true });
  await expect(password).toHaveAttribute("aria-invalid", "true");
  await expect(password).toHaveAccessibleDescription(/common|guess/i);
  await page.getByLabel("One-time code").fill("not-the-code");
  await password.fill("nine quiet otters swim");
  await page.getByRole("button", { name: "Create the first admin" }).click();
  await expect(page.getByLabel("One-time code")).toHaveAccessibleDescription(/not right, was used already/);
});
