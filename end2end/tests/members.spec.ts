// Members come, lead and go from the cluster's page: each change says what it leaves before it is chosen, and three clicks do it.
import type { Page } from "@playwright/test";
import { MIRROR, onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shots, shotsWideAndNarrow } from "./steps";

const members = (page: Page) => page.getByRole("region", { name: "Members", exact: true });
const health = (page: Page) => page.locator(".cluster-health");

/** Opens what can be done with a member. */
async function change(page: Page, member: string) {
  await members(page).getByRole("row", { name: member }).getByRole("button", { name: "Change…" }).click();
  const dialog = page.getByRole("dialog", { name: `Change ${member}` });
  await expect(dialog).toBeVisible();
  return dialog;
}

/** Starts the plan on screen and waits for its end; then back to the cluster. */
async function runAndReturn(page: Page, button: string, password?: string) {
  await expect(page.getByRole("heading", { name: /^Checks/ })).toBeVisible({ timeout: 60_000 });
  const name = page.getByLabel("Name", { exact: true });
  if (await name.isVisible()) await name.fill("demo");
  await page.getByRole("button", { name: button, exact: true }).click();
  if (password) await reauthenticate(page, password);
  await expect(page).toHaveURL(/\/operations\/op-/);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 120_000 });
  await page.getByRole("link", { name: "To the cluster" }).click();
  await live(page);
}

test("a member is added, gets the lead, is removed, and its host replaces a dead one", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  test.setTimeout(300_000);
  // The password is asked for again.
  expectedTrouble.push(...refusal(403, "/rpc/start"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts.slice(0, 2));
  const { id } = await server.api.healthy("demo", 2);
  const [, second, third] = wipedHosts;
  await logIn(page, server.logins.admin);

  // Add: the wizard says what the votes will be.
  await open(page, `/clusters/${id}`);
  await live(page);
  await page.getByRole("link", { name: "Add members" }).click();
  await page.getByRole("checkbox", { name: third.name }).check();
  await expect(page.getByText("3 voters then: 2 needed for a quorum, can lose 1.")).toBeVisible();
  await page.getByLabel("Download URL").fill(MIRROR);
  await shotsWideAndNarrow(page, "add-member");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByRole("heading", { level: 2, name: `demo: add ${third.name}` })).toBeVisible({ timeout: 60_000 });
  await shotsWideAndNarrow(page, "add-member-plan");
  await runAndReturn(page, "Add", server.logins.admin.password);
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1");
  await expect(members(page).getByRole("cell", { name: "voter" })).toHaveCount(3);

  // Lead: what each choice leaves stands beside it.
  const dialog = await change(page, third.name);
  await expect(dialog.getByText("3 of 3 alive, can lose 1; after this step 2 of 2 needed, none to spare")).toBeVisible();
  await shots(page, "change-member");
  await dialog.getByRole("link", { name: "Give it the lead" }).click();
  await runAndReturn(page, "Move");
  await expect(page.locator(".cluster-facts")).toHaveText(new RegExp(`^leader ${third.name} `));

  // Remove the leader.
  await (await change(page, third.name)).getByRole("link", { name: "Remove" }).click();
  await expect(page.getByText(/^Clients use from now on: /)).toBeVisible({ timeout: 60_000 });
  await shots(page, "remove-member-plan");
  await runAndReturn(page, "Remove");
  await expect(health(page)).toHaveText("Healthy: 2 of 2 voters, can lose 0");
  await expect(members(page).getByRole("rowheader", { name: third.name })).toHaveCount(0);

  // Add it again, lose another's etcd, and replace that on its own host.
  await server.api.run("add_member", { cluster: id, members: [{ host: hosts[2].id }], download_url: MIRROR });
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1");
  onHost(second.number, "systemctl disable --now etcd && rm -rf /var/lib/etcd/member/wal");
  await expect(health(page)).toHaveText("At risk: 2 of 3 voters, the next loss stops writes");
  const lost = await change(page, second.name);
  await expect(lost.getByRole("link", { name: "Replace" })).toBeVisible();
  await lost.getByRole("link", { name: "Replace" }).click();
  await page.getByRole("checkbox", { name: second.name }).check();
  await page.getByLabel("Download URL").fill(MIRROR);
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByRole("heading", { level: 2, name: `demo: replace ${second.name} by ${second.name}` })).toBeVisible({ timeout: 60_000 });
  await shots(page, "replace-member-plan");
  await runAndReturn(page, "Replace");
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1");

  // Down to one: an odd number is proposed, one that is no less is refused at the field.
  await page.getByRole("link", { name: "Shrink…" }).click();
  const size = page.getByLabel("Voters that stay");
  await expect(size).toHaveValue("1");
  expectedTrouble.push(...refusal(422, "/rpc/plan"));
  await size.fill("3");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByText("demo has 3 voters: give a smaller number, or add members")).toBeVisible({ timeout: 30_000 });
  await shotsWideAndNarrow(page, "shrink");
  await size.fill("1");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByRole("heading", { level: 2, name: /^demo: shrink to 1 voters, without / })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("One member cannot be lost: every restart of it stops the cluster. Use three.")).toBeVisible();
  await shots(page, "shrink-plan");
  await runAndReturn(page, "Shrink");
  await expect(health(page)).toHaveText("Healthy: 1 of 1 voters, can lose 0");
});

test("who of Patroni uses the cluster is in sight, and what a gap means to it in the plan", async ({ page, console: server, cluster }) => {
  const first = cluster.hosts[0].number;
  const put = (key: string, value: string) => onHost(first, `etcdctl put /service/${key} '${value}'`);
  put("pg-main/config", JSON.stringify({ ttl: 20, loop_wait: 1, retry_timeout: 2, failsafe_mode: false }));
  put("pg-main/leader", "db1");
  put("pg-main/initialize", "7301");
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/clusters/${cluster.id}`);
    const patroni = page.getByRole("region", { name: "Patroni" });
    await expect(patroni.getByRole("row", { name: /pg-main db1 20 s 2 s off/ })).toBeVisible({ timeout: 30_000 });
    await shotsWideAndNarrow(page, "patroni");
    await page.getByRole("link", { name: "Rolling restart" }).click();
    await expect(page.getByText(/^Patroni's pg-main waits 2 s for etcd, and writes may stop for 2 s: its primary is demoted/)).toBeVisible({ timeout: 60_000 });
  } finally {
    onHost(first, "etcdctl del --prefix /service/");
  }
});

test("a member's addresses begin with what it has, and what is wrong is said at its field", async ({ page, console: server, cluster, expectedTrouble }) => {
  expectedTrouble.push(...refusal(422, "/rpc/plan"));
  const member = cluster.hosts[1];
  await logIn(page, server.logins.admin);
  await open(page, `/clusters/${cluster.id}`);
  await live(page);
  await (await change(page, member.name)).getByRole("link", { name: "Change addresses" }).click();
  const peer = page.getByLabel("Peer URL");
  await expect(peer).toHaveValue(/^http:\/\/[0-9.]+:2380$/);
  await expect(page.getByLabel("Client URL")).toHaveValue(/^http:\/\/[0-9.]+:2379$/);
  const before = await peer.inputValue();
  await peer.fill("ftp://nowhere");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByText("This cluster speaks http: begin with http://")).toBeVisible({ timeout: 30_000 });
  await shotsWideAndNarrow(page, "addresses");
  await peer.fill(before.replace(":2380", ":2390"));
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByRole("heading", { level: 2, name: `demo: change addresses of ${member.name}` })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(`etcd lists ${member.name} at ${before.replace(":2380", ":2390")}`).first()).toBeVisible();
  await shots(page, "addresses-plan");
});

test("a needed member is not offered to go, and a viewer is offered nothing", async ({ page, console: server, cluster }) => {
  const stopped = cluster.hosts[2];
  onHost(stopped.number, "systemctl stop etcd");
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/clusters/${cluster.id}`);
    await live(page);
    await expect(health(page)).toHaveText("At risk: 2 of 3 voters, the next loss stops writes");
    const dialog = await change(page, cluster.hosts[0].name);
    await expect(dialog.getByText(/would leave 1 of 2 voters alive, and 2 are needed: writes would stop/)).toBeVisible();
    await expect(dialog.getByRole("link", { name: "Remove" })).toHaveCount(0);
    await shots(page, "change-member-refused");
  } finally {
    onHost(stopped.number, "systemctl start etcd");
  }
  await server.api.healthy("demo", 3, 60);
  await page.context().clearCookies();
  await logIn(page, server.logins.viewer);
  await open(page, `/clusters/${cluster.id}`);
  await live(page);
  await expect(page.getByRole("button", { name: "Change…" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Add members" })).toHaveCount(0);
});
