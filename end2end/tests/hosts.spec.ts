// Journeys: hosts pasted, compared, trusted, checked, changed, forgotten; and what the console says when one is not what it was.
import { expect, refusal, test, type LabHost } from "./fixtures";
import { until } from "../lib/console.mjs";
import { authorize, fingerprints, lab, noteUsed } from "../lib/lab.mjs";
import { logIn, open, shots, shotsWideAndNarrow } from "./steps";
import type { Page } from "@playwright/test";

const field = (page: Page) => page.getByLabel("Hosts", { exact: true });
const badge = (page: Page, name: string) => page.getByRole("row", { name: new RegExp(name) }).locator(".badge");

/** Adds hosts by pasting lines and trusts them after comparing what is on screen with what the hosts have. */
async function addAndTrust(page: Page, lines: string[], hosts: LabHost[], elevation?: [string, string]) {
  await open(page, "/hosts/add");
  authorize(hosts.map((host) => host.number), await page.locator("code", { hasText: /^ssh-ed25519 / }).innerText());
  await field(page).fill(lines.join("\n"));
  if (elevation) {
    await page.getByLabel("Root by").selectOption({ label: elevation[0] });
    await page.getByLabel("sudo password").fill(elevation[1]);
  }
  await page.getByRole("button", { name: /^Add \d hosts?$/ }).click();
  await expect(page).toHaveURL(/\/hosts$/);
  for (const host of hosts) {
    const card = page.locator("section.note", { hasText: host.name });
    await expect(card.getByRole("button", { name: `Trust ${host.name}` })).toBeVisible();
    const shown = await card.locator(".fingerprints code").allInnerTexts();
    expect(shown.length).toBeGreaterThan(0);
    expect(fingerprints(host.number)).toEqual(expect.arrayContaining(shown));
    await card.getByRole("button", { name: `Trust ${host.name}` }).click();
    await expect(card).toHaveCount(0);
  }
}

/** Opens a host's page from the list. */
async function toHost(page: Page, name: string) {
  await open(page, "/hosts");
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
}

const checkNow = (page: Page) => page.getByRole("button", { name: "Check now" }).click();

test("wrong lines are named by their number, and kept for correction", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(...refusal(422, "/rpc/add_hosts"), ...refusal(400, "/rpc/add_hosts"));
  const [one, two] = wipedHosts;
  await logIn(page, server.logins.admin);
  await open(page, "/hosts/add");
  await field(page).fill(`${one.target} ${one.name}\nx;reboot\n# a comment\nops@${two.address}:99999\nops@$(id) a\nops@${two.address} a b c`);
  await page.getByRole("button", { name: /^Add/ }).click();
  await expect(field(page)).toHaveAttribute("aria-invalid", "true");
  for (const complaint of [/Line 2: /, /Line 4: The port is a number from 1 to 65535/, /Line 5: /, /Line 6: Give a target and, if you like, one name/]) {
    await expect(field(page)).toHaveAccessibleDescription(complaint);
  }
  await shotsWideAndNarrow(page, "hosts-add-wrong");
  // What only the console knows is said at the line, too.
  await field(page).fill(`${one.target} ${one.name}\n\n${one.target} again`);
  await page.getByRole("button", { name: "Add 2 hosts" }).click();
  await expect(field(page)).toHaveAccessibleDescription(/Line 3: .*stands here twice/);
  expect(await server.api.list("/hosts")).toEqual([]);
});

test("hosts are compared, trusted, checked, renamed and forgotten", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  // The stream says "changed" for a host that is gone, too; the page asks and hears so.
  expectedTrouble.push(...refusal(404, "/rpc/host"));
  await logIn(page, server.logins.admin);
  await addAndTrust(page, wipedHosts.map((host) => `${host.target} ${host.name}`), wipedHosts);
  const [one] = wipedHosts;
  await toHost(page, one.name);
  await checkNow(page);
  await expect(page.getByText("Facts are fresh")).toBeVisible();
  const checks = page.getByRole("region", { name: "Checks" });
  await expect(checks).toContainText(/\d+ fine/);
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Debian");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("sudo without a password");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText(/mean .*worst .*synced 2 KiB writes/);
  await shotsWideAndNarrow(page, "host");

  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const edit = page.getByRole("dialog", { name: "Edit host" });
  await edit.getByLabel("Name").fill("renamed");
  await edit.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "renamed" })).toBeVisible();

  await page.getByRole("button", { name: "Forget…" }).click();
  await page.getByRole("dialog", { name: "Forget this host?" }).getByRole("button", { name: "Forget", exact: true }).click();
  await expect(page).toHaveURL(/\/hosts$/);
  await expect(page.getByRole("link", { name: wipedHosts[1].name })).toBeVisible();
  await expect(page.getByRole("link", { name: "renamed" })).toHaveCount(0);
  await shotsWideAndNarrow(page, "hosts");
});

test("facts come by themselves after a host was trusted", async ({ page, console: server, wipedHosts }) => {
  await logIn(page, server.logins.admin);
  const [one] = wipedHosts;
  await addAndTrust(page, [`${one.target} ${one.name}`], [one]);
  await expect(badge(page, one.name)).toHaveText(/Ready|: /, { timeout: 20_000 });
  await expect(page.getByRole("row", { name: new RegExp(one.name) })).toContainText("Debian");
});

test("a sudo password: wrong, refused, right", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(...refusal(502, "/rpc/check_host"), ...refusal(503, "/rpc/check_host"), ...refusal(422, "/rpc/check_host"));
  const [one, two] = wipedHosts;
  await logIn(page, server.logins.admin);
  await addAndTrust(page, [`opspw@${one.address} ${one.name}`], [one], ["sudo with a password", "not-the-password"]);
  await toHost(page, one.name);
  await checkNow(page);
  await expect(page.getByText(/sudo did not accept the kept password of opspw/).first()).toBeVisible();
  await shots(page, "host-sudo-wrong");
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const edit = page.getByRole("dialog", { name: "Edit host" });
  await expect(edit.getByLabel("sudo password")).toHaveValue("");
  await edit.getByLabel("sudo password").fill("lab-opspw");
  await edit.getByRole("button", { name: "Save" }).click();
  await expect(edit).toBeHidden();
  await checkNow(page);
  await expect(page.getByText("Facts are fresh")).toBeVisible();
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("sudo, password kept sealed");
  expect(await page.content()).not.toContain("lab-opspw");

  await addAndTrust(page, [`guest@${two.address} ${two.name}`], [two]);
  await toHost(page, two.name);
  await checkNow(page);
  await expect(page.getByText(/sudo (does not let guest become root|asks guest for a password)/).first()).toBeVisible();
});

test("a closed port and a changed key stop everything for that host, in words", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(...refusal(502, "/rpc/"), ...refusal(503, "/rpc/"));
  const [one, two] = wipedHosts;
  await logIn(page, server.logins.admin);
  await addAndTrust(page, [`${one.target} ${one.name}`], [one]);
  await open(page, "/hosts/add");
  await field(page).fill(`ops@${two.address}:2222 ${two.name}`);
  await page.getByRole("button", { name: "Add 1 host" }).click();
  const card = page.locator("section.note", { hasText: two.name });
  await expect(card).toContainText(/refused the connection; check the port/);
  await card.getByRole("button", { name: "Try again" }).click();
  await expect(card.getByRole("alert").or(card)).toContainText(/refused the connection/);

  // The same address, another machine.
  const before = fingerprints(one.number);
  lab(["wipe", one.number]);
  noteUsed([one.number]);
  await toHost(page, one.name);
  await checkNow(page);
  const warning = page.locator("section.note", { hasText: "another key than the trusted one" });
  await expect(warning).toBeVisible();
  const shown = await warning.locator(".fingerprints code").allInnerTexts();
  for (const fingerprint of shown) expect([...before, ...fingerprints(one.number)]).toContain(fingerprint);
  expect(shown.some((fingerprint) => before.includes(fingerprint))).toBe(true);
  await shotsWideAndNarrow(page, "host-key-changed");
  await open(page, "/clusters/install");
  await expect(page.getByRole("checkbox", { name: new RegExp(one.name) })).toBeDisabled();

  const { public_key } = await server.api.get("/ssh-key");
  await until("the new host's sshd", 20, () => { try { authorize([one.number], public_key); return true; } catch { return false; } });
  await toHost(page, one.name);
  await page.getByRole("button", { name: `Trust the new key of ${one.name}` }).click();
  await expect(warning).toHaveCount(0);
  await checkNow(page);
  await expect(page.getByText("Facts are fresh")).toBeVisible();
});
