// Journey: what was done, refused and got wrong is in the audit trail.
import { expect, refusal, test } from "./fixtures";
import { expectNoSidewaysScroll, fillLogin, logIn, open, shots } from "./steps";

test("logins, refusals and changes appear, and can be filtered @phone", async ({ page, console: server, expectedTrouble }) => {
  expectedTrouble.push(...refusal(401, "/rpc/login"));
  const { name } = server.logins.operator;
  await open(page, "/login");
  await fillLogin(page, name, "not the password");
  await expect(page.getByRole("alert").first()).not.toBeEmpty();
  await server.apis.viewer.get("/users").catch(() => undefined);
  const added = await server.api.post("/hosts", { hosts: [{ target: "root@192.0.2.7:22", name: `audited-${Date.now() % 1e6}` }] });
  const [host] = Array.isArray(added) ? added : added.hosts;
  await server.api.call("DELETE", `/hosts/${host.id}`);

  await logIn(page, server.logins.operator);
  await page.getByRole("link", { name: "Audit" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
  const trail = page.getByRole("table", { name: "Audit trail" });
  await expect(trail.getByRole("row", { name: new RegExp(`${name}.*session\\.login.*failed`) }).first()).toBeVisible();
  await expect(trail.getByRole("row", { name: new RegExp(`${name}.*session\\.login.*ok`) }).first()).toBeVisible();
  await expect(trail.getByRole("row", { name: new RegExp(`${server.logins.viewer.name}.*denied`) }).first()).toBeVisible();
  await expect(trail.getByRole("row", { name: new RegExp(`host\\.add.*${host.name}.*ok`) })).toHaveCount(1);
  await expectNoSidewaysScroll(page);
  await shots(page, "audit", [trail.locator("time")]);

  await page.getByRole("searchbox", { name: "Filter audit trail" }).fill(`host.forget ${host.name}`);
  await expect(trail.getByRole("row")).toHaveCount(2);
  await page.getByRole("searchbox", { name: "Filter audit trail" }).fill("nothing has this");
  await expect(page.getByText("Nothing matches the filter.")).toBeVisible();
});
