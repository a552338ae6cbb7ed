// Journey: the main job. From the wizard over the reviewed plan and the run to a healthy cluster on screen.
import { expect, refusal, test, type LabHost } from "./fixtures";
import { MIRROR } from "../lib/lab.mjs";
import { expectSameDocument, live, logIn, markDocument, open, reauthenticate, shots, shotsWideAndNarrow } from "./steps";
import type { Page } from "@playwright/test";

const review = (page: Page) => page.getByRole("button", { name: "Review the plan" }).click();
const choose = (page: Page, host: LabHost) => page.getByRole("checkbox", { name: new RegExp(host.name) }).check();

test("what cannot be is said at its field, before anything is asked of a host", async ({ page, console: server, wipedHosts }) => {
  await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await logIn(page, server.logins.admin);
  await open(page, "/clusters/install");
  const name = page.getByLabel("Cluster name");
  await review(page);
  await expect(name).toHaveAccessibleDescription(/Give it a name/);
  await expect(page.getByText("Choose at least one host; three is the usual number")).toBeVisible();
  for (const [bad, words] of [
    ["it's", /“'” is not allowed/], ["$(reboot)", /“\$” is not allowed/], ["a b", /a space is not allowed/],
    ["x".repeat(300), /at most 63 characters; this has 300/], ["etcd🦀", /“🦀” is not allowed/], ["-demo", /Start and end with a letter or digit/],
  ] as const) {
    await name.fill(bad);
    await review(page);
    await expect(name).toHaveAccessibleDescription(words);
    await expect(name).toHaveAttribute("aria-invalid", "true");
  }
  await name.fill("demo");
  await choose(page, wipedHosts[0]);
  await expect(page.getByText("One member cannot be lost")).toBeVisible();
  await choose(page, wipedHosts[1]);
  await expect(page.getByText("Two members are worse than one")).toBeVisible();
  await choose(page, wipedHosts[2]);
  await expect(page.getByText("3 chosen: 2 needed for a quorum, can lose 1.")).toBeVisible();
  await expect(page.getByText("Two members are worse than one")).toHaveCount(0);

  await page.getByText("Advanced", { exact: true }).click();
  await page.getByLabel("Peer port").fill("2379");
  await page.getByLabel("Data directory").fill("/etc");
  await page.getByLabel("Another version").fill("latest");
  await review(page);
  await expect(page.getByLabel("Peer port")).toHaveAccessibleDescription(/Peers and clients need two ports/);
  await expect(page.getByLabel("Data directory")).toHaveAccessibleDescription(/a place for the system/);
  await expect(page.getByText("Something above needs another look.")).toBeVisible();
  await shotsWideAndNarrow(page, "install-wrong");
});

test("a cluster is installed: wizard, plan, password, run, overview", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(...refusal(401, "/rpc/"), ...refusal(403, "/rpc/"), ...refusal(422, "/rpc/"), ...refusal(400, "/rpc/"));
  await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await logIn(page, server.logins.admin);
  await page.getByRole("link", { name: "Install a cluster" }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "Install a cluster" })).toBeVisible();
  await markDocument(page);

  await page.getByLabel("Cluster name").fill("demo");
  for (const host of wipedHosts) await choose(page, host);
  await page.getByRole("radio", { name: "3.5.16" }).check();
  await page.getByLabel("Download URL").fill(MIRROR);
  // What this source lacks is said, the newest 3.5 that it has is proposed, and what was chosen stays.
  await expect(page.locator(".choice", { hasText: "3.5.33" })).toContainText("not at this source");
  await expect(page.locator(".choice", { hasText: "3.5.30" }).filter({ hasText: "proposed" })).toHaveCount(1);
  await expect(page.getByRole("radio", { name: "3.5.16" })).toBeChecked();
  await shotsWideAndNarrow(page, "install-wizard");
  await review(page);

  // The plan: what, which checks, which warnings, each command and each file.
  await expect(page.getByRole("heading", { level: 2, name: "Install demo: 3 members, etcd 3.5.16" })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("can be undone at every step")).toBeVisible();
  await expect(page.getByText(/Plain http: whoever reaches port 2379 or 2380/)).toBeVisible();
  await expect(page.getByText(/etcd 3\.5\.16 \(.*\): /).first()).toBeVisible();
  await expect(page.getByRole("heading", { level: 3, name: /Checks .*\d+ fine/ })).toBeVisible();
  const steps = page.getByRole("list", { name: "Steps" }).locator(".step");
  const count = await steps.count();
  expect(count).toBeGreaterThanOrEqual(6);
  const files = steps.filter({ hasText: "write etcd.conf" });
  await files.locator("summary", { hasText: "What runs" }).click();
  await files.locator("summary", { hasText: "/etc/etcd/etcd.conf" }).first().click();
  await expect(files.locator(".diff").first()).toContainText("initial-cluster");
  const binaries = steps.filter({ hasText: "put etcd, etcdctl and etcdutl" });
  await binaries.locator("summary", { hasText: "What runs" }).click();
  await expect(binaries.locator("pre").first()).toContainText("#");
  await shotsWideAndNarrow(page, "install-plan");

  // The password again; a wrong one changes nothing.
  await page.getByRole("button", { name: "Install", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Your password again" });
  await expect(dialog).toBeVisible();
  await shots(page, "reauthenticate");
  const before = await server.api.list("/operations");
  await reauthenticate(page, "not the password");
  await expect(dialog.getByRole("alert")).not.toBeEmpty();
  expect(await server.api.list("/operations")).toEqual(before);
  // Every moment of the list, however quick.
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { momentsSeen: seen });
    const note = () => seen.push([...document.querySelectorAll(".step-state")].map((state) => state.textContent).join());
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await reauthenticate(page, server.logins.admin.password);

  // The same list fills in, in the same document.
  await expect(page).toHaveURL(/\/operations\/op-/);
  const states = steps.locator(".step-state");
  await expect(states).toHaveCount(count);
  await expect(states).toHaveText(Array(count).fill("done"), { timeout: 90_000 });
  const seen = await page.evaluate(() => (window as unknown as { momentsSeen: string[] }).momentsSeen);
  expect(new Set(seen).size, "states came one by one").toBeGreaterThan(count / 2);
  expect(seen.some((moment) => moment.includes("running"))).toBe(true);
  await expect(page.getByText("Done and verified")).toBeVisible();
  await expect(page.getByText(`${count} of ${count} steps`)).toBeVisible();
  const output = steps.first().locator("details.output");
  await output.locator("summary").click();
  await expect(output.locator(".output-line").first()).toBeVisible();
  await expectSameDocument(page);
  await shotsWideAndNarrow(page, "install-done");
  const shownLive = await states.allInnerTexts();
  await page.reload();
  await expect(states).toHaveText(shownLive);

  await page.getByRole("link", { name: "To the cluster" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "demo" })).toBeVisible();
  await live(page);
  await expect(page.locator(".cluster-health")).toHaveText("Healthy: 3 of 3 voters, can lose 1");
  await expect(page.locator(".cluster-facts")).toHaveText(/^leader lab\d · etcd 3\.5\.16 · rev \d+ · can lose 1 more · no backup yet$/);
  const members = page.getByRole("region", { name: "Members", exact: true });
  await expect(members.getByRole("cell", { name: "Answers" })).toHaveCount(3);
  await expect(members.getByText("leader", { exact: true })).toHaveCount(1);
  await expect(members.getByRole("cell", { name: "active", exact: true })).toHaveCount(3);
  for (const host of wipedHosts) await expect(members).toContainText(`http://${host.address}:2380`);
  await expect(page.getByText("Plain http: whoever reaches")).toBeVisible();

  // The console's own answer for hosts that are in use now.
  await open(page, "/clusters/install");
  await expect(page.getByText("carries a cluster already")).toHaveCount(3);
});
