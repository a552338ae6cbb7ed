// A cluster that somebody else installed comes under management: found by one endpoint, looked at, adopted, and nothing changed.
import { onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shotsWideAndNarrow } from "./steps";

test("a cluster is adopted from an endpoint, and what was and was not learned is said", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  // The password is asked for again; wrong input is refused.
  expectedTrouble.push(...refusal(403, "/rpc/start"), ...refusal(422, "/rpc/plan"), ...refusal(422, "/rpc/keep_credentials"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts);
  const { id } = await server.api.healthy("demo");
  await server.api.call("DELETE", `/clusters/${id}`);
  const [first, second] = wipedHosts;
  // A setting that etcd ignores.
  onHost(second.number, "mkdir -p /etc/systemd/system/etcd.service.d && printf '[Service]\\nEnvironment=ETCD_LOG_LEVEL=debug\\n' > /etc/systemd/system/etcd.service.d/theirs.conf && systemctl daemon-reload && systemctl restart etcd");
  const running = () => onHost(first.number, "systemctl show --property=MainPID etcd; sha256sum /etc/etcd/etcd.conf");
  const before = running();

  await logIn(page, server.logins.admin);
  await open(page, "/");
  await page.getByRole("link", { name: "Adopt", exact: true }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "Adopt a cluster" })).toBeVisible();
  const review = page.getByRole("button", { name: "Review the plan" });

  // What cannot be right is said at its field, and what was typed stays.
  await page.getByLabel("Cluster name").fill("orders");
  await review.click();
  await expect(page.getByText("Give the client URL of a member, or choose a host that runs one")).toBeVisible();
  await page.getByLabel("Endpoint").fill(`http://10.77.0.1${first.number}:9`);
  await review.click();
  await expect(page.getByText("connection refused: nothing listens there")).toBeVisible({ timeout: 30_000 });
  await page.getByText("Certificates and login").click();
  await page.getByLabel("Private key").fill("not a key");
  await review.click();
  await expect(page.getByText("Give the certificate that this key belongs to")).toBeVisible({ timeout: 30_000 });
  await shotsWideAndNarrow(page, "adopt");
  await page.getByLabel("Private key").fill("");
  await page.getByLabel("Endpoint").fill(`http://10.77.0.1${first.number}:2379`);
  await review.click();

  await expect(page.getByRole("heading", { level: 2, name: "Adopt orders: 3 members, etcd 3.5.16" })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("Take the cluster under management; nothing is changed, neither on hosts nor in it")).toBeVisible();
  await expect(page.getByText("etcd ignores ETCD_LOG_LEVEL beside its configuration file")).toBeVisible();
  await shotsWideAndNarrow(page, "adopt-plan");
  await page.getByRole("button", { name: "Adopt", exact: true }).click();
  await reauthenticate(page, server.logins.admin.password);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("link", { name: "To the cluster" }).click();
  await live(page);
  await expect(page.locator(".cluster-health")).toHaveText("Healthy: 3 of 3 voters, can lose 1", { timeout: 30_000 });
  expect(running(), "the same process, the same file").toBe(before);
  await expect(page.getByRole("region", { name: "Members", exact: true }).getByRole("rowheader", { name: first.name })).toBeVisible();
  await shotsWideAndNarrow(page, "adopted");
});
