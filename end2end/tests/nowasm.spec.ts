// Journeys without scripts: every page is whole HTML, and the forms that let people in work.
import { expect, test } from "./fixtures";
import { until } from "../lib/console.mjs";
import { existsSync, readFileSync } from "node:fs";

test.use({ javaScriptEnabled: false });

test.beforeEach(({ expectedTrouble }) => {
  // How Chromium names a script that it was told not to load.
  expectedTrouble.push(/^request: GET .*\/pkg\/\S+ csp$/);
});

test("logs in, reads clusters, hosts and operations, logs out", async ({ page, console: server, cluster }) => {
  await page.goto("/hosts");
  await expect(page).toHaveURL(/\/login\?next=/);
  await page.getByLabel("Name").fill(server.logins.admin.name);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText(/name or the password/);
  await page.goto("/hosts");
  await page.getByLabel("Name").fill(server.logins.admin.name);
  await page.getByLabel("Password", { exact: true }).fill(server.logins.admin.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Hosts" })).toBeVisible();
  for (const host of cluster.hosts) await expect(page.getByRole("link", { name: host.name, exact: true })).toBeVisible();

  await page.getByRole("link", { name: "Clusters" }).click();
  await expect(page.getByRole("row", { name: /demo.*Healthy: 3 of 3 voters, can lose 1/ })).toBeVisible();
  await page.getByRole("link", { name: cluster.name }).click();
  await expect(page.locator(".cluster-facts")).toContainText(/leader lab\d/);
  await expect(page.getByRole("region", { name: "Members", exact: true }).getByRole("cell", { name: "Answers" })).toHaveCount(3);
  await expect(page.getByText("not live, reload to refresh")).toBeVisible();

  await page.goto(`/operations/${cluster.operation}`);
  await expect(page.getByText("Done and verified")).toBeVisible();
  await expect(page.locator(".step-state").first()).toHaveText("done");
  for (const [path, heading] of [
    [`/hosts/${cluster.hosts[0].id}`, cluster.hosts[0].name], ["/operations", "Operations"], ["/audit", "Audit"],
    ["/settings/users", "Settings"], ["/hosts/add", "Add hosts"], ["/clusters/install", "Install a cluster"],
  ]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
    await expect(page.locator("main .skeleton")).toHaveCount(0);
  }
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login/);
});

test("sets a console up", async ({ page, freshConsole }) => {
  const file = `${freshConsole.dataDir}/setup-code`;
  await until("the set-up code's file", 10, () => existsSync(file));
  const link = readFileSync(file, "utf8").trim();
  await page.goto(link);
  await page.getByLabel("One-time code").fill(link.split("#")[1]);
  await page.getByLabel("Name").fill("anna");
  await page.getByLabel("Password", { exact: true }).fill("nine quiet otters swim");
  await page.getByRole("button", { name: "Create the first admin" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Add hosts" })).toBeVisible();
  await expect(page.getByText(/^ssh-ed25519 /)).toBeVisible();
});
