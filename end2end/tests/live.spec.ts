// Journey: a leader's power is cut; the overview shows the new leader, who is silent since when, and who is back, without a reload.
import { expect, test, type Cluster } from "./fixtures";
import { labAsync } from "../lib/lab.mjs";
import { expectSameDocument, live, logIn, markDocument, open, shotsWideAndNarrow } from "./steps";
import type { Page } from "@playwright/test";

const facts = (page: Page) => page.locator(".cluster-facts");
const health = (page: Page) => page.locator(".cluster-health");

/** The host of the member that leads, as the page shows it. */
async function leaderHost(page: Page, cluster: Cluster) {
  await expect(facts(page)).toHaveText(/^leader lab\d/);
  const name = (await facts(page).innerText()).match(/^leader (lab\d)/)![1];
  return cluster.hosts.find((host) => host.name === name)!;
}

test("a leader without power: new leader, silent member, member back", async ({ page, context, console: server, cluster }) => {
  await logIn(page, server.logins.viewer);
  await page.getByRole("link", { name: cluster.name }).click();
  await live(page);
  await markDocument(page);
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1");
  const timeline = page.getByRole("list", { name: "Events, newest first" });
  const fleet = await context.newPage();
  await open(fleet, "/");
  await live(fleet);
  const lost = await leaderHost(page, cluster);
  const row = page.getByRole("row", { name: new RegExp(`^${lost.name}`) });
  try {
    await labAsync(["kill", lost.number]);
    await expect(facts(page)).toHaveText(new RegExp(`^leader lab(?!${lost.number})\\d`), { timeout: 20_000 });
    await expect(row).toContainText(/Unreachable since \d\d:\d\d:\d\d UTC/, { timeout: 20_000 });
    await expect(health(page)).toHaveText("At risk: 2 of 3 voters, the next loss stops writes");
    await expect(facts(page)).toContainText("can lose no more members");
    await expect(timeline).toContainText(`${lost.name} stopped answering`);
    await expect(timeline).toContainText(/lab\d leads/);
    await shotsWideAndNarrow(page, "cluster-at-risk");

    const attention = fleet.getByRole("region", { name: "Needs attention" });
    await expect(attention).toContainText(cluster.name);
    await expect(attention).toContainText(`${lost.name} unreachable for`);
    await fleet.bringToFront();
    await shotsWideAndNarrow(fleet, "fleet-at-risk");
  } finally {
    await labAsync(["start", lost.number]);
  }
  await page.bringToFront();
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1", { timeout: 60_000 });
  await expect(row).toContainText("Answers");
  await expect(timeline).toContainText(`${lost.name} answers again`);
  await expect(fleet.getByRole("region", { name: "Needs attention" })).toHaveCount(0);
  await expectSameDocument(page);
});

test("a console that goes away is said on the page, and found again without a reload", async ({ page, console: server, cluster, expectedTrouble }) => {
  expectedTrouble.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  await logIn(page, server.logins.viewer);
  await open(page, `/clusters/${cluster.id}`);
  await live(page);
  await markDocument(page);
  await server.stop();
  await expect(page.getByText("connection lost, trying again")).toBeAttached();
  await expect(health(page)).toContainText("Stale since", { timeout: 20_000 });
  await server.start();
  await live(page);
  await expect(health(page)).toHaveText("Healthy: 3 of 3 voters, can lose 1", { timeout: 20_000 });
  await expectSameDocument(page);
});
