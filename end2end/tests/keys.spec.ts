// Keys: found, read, changed and put back; what is strange about them is shown and does nothing.
import type { Page } from "@playwright/test";
import { onHost } from "../lib/lab.mjs";
import { expect, test, type Cluster } from "./fixtures";
import { expectNoSidewaysScroll, live, logIn, open, shots, shotsWideAndNarrow } from "./steps";

const tree = (page: Page) => page.getByRole("tree", { name: "Keys" });
const row = (page: Page, name: string | RegExp) => tree(page).getByRole("treeitem", { name });
const detail = (page: Page) => page.getByRole("region", { name: "Chosen key" });
/** The editor, which opens once the whole value was read; what only shows a value has the same label. */
const editor = (page: Page) => detail(page).getByRole("textbox", { name: "Value", exact: true });
const deepLink = (cluster: Cluster, key: string) => `/clusters/${cluster.id}/keys?key=${encodeURIComponent(key)}`;

/** etcdctl on the cluster's first host; `quoted` is a word of bash. */
const etcdctl = (cluster: Cluster, quoted: string) => onHost(cluster.hosts[0].number, `etcdctl ${quoted}`);
const wipe = (cluster: Cluster, prefix: string) => etcdctl(cluster, `del --prefix '${prefix}'`);

/** As the console writes them; the API takes them so, too. */
const AWKWARD = [
  "/odd/invalid\\xff", "/odd/nul\\x00\\x00", "/odd/line\\x0aend", `/odd/quote"'`, "/odd/back\\\\slash", "/odd/<img src=x onerror=document.title=1>",
  "/odd/שלום🔑", "/odd/\\xe2\\x80\\xaegnp.exe", `/odd/long-${"k".repeat(4096 - 10)}`,
];
/** These lie in folders of their own. */
const IN_FOLDERS = ["/odd//double", "/odd/trailing/", "/odd/both", "/odd/<script>document.title=1</script>"];

test("awkward keys are listed, walked by keyboard, opened and linked to", async ({ page, console: server, cluster }) => {
  for (const key of [...AWKWARD, ...IN_FOLDERS]) await server.api.call("PUT", `/clusters/${cluster.id}/keys/value`, { key, seen: "0", value: "value" });
  etcdctl(cluster, "put /odd/both/inside 1");
  etcdctl(cluster, "put /odd/empty ''");
  etcdctl(cluster, `put /odd/json '{"n":12345678901234567890,"list":[1,2]}'`);
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/clusters/${cluster.id}`);
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await row(page, /^\/odd\//).click();
    for (const shown of AWKWARD) await expect(tree(page).getByTitle(shown, { exact: true })).toBeVisible();
    await expect(tree(page).getByTitle("/odd/both", { exact: true })).toBeVisible();
    await expect(tree(page).getByTitle("/odd/both/", { exact: true })).toBeVisible();

    // Arrows walk, open, and go back to the folder; Enter shows a key.
    await tree(page).focus();
    await page.keyboard.press("Home");
    const focused = row(page, /^\/odd\//);
    await expect(focused).toHaveAttribute("aria-expanded", "true");
    await page.keyboard.press("ArrowLeft");
    await expect(focused).toHaveAttribute("aria-expanded", "false");
    await page.keyboard.press("ArrowRight");
    await expect(focused).toHaveAttribute("aria-expanded", "true");

    for (const shown of [...AWKWARD, ...IN_FOLDERS]) {
      await open(page, deepLink(cluster, shown));
      await expect(detail(page).getByRole("heading", { level: 2 })).toHaveText(shown);
      await expectNoSidewaysScroll(page);
      await expect(detail(page).getByLabel("Value", { exact: true })).toHaveText("value");
    }
    await expect(page).not.toHaveTitle("1");
    await open(page, deepLink(cluster, "/odd/empty"));
    await expect(detail(page).getByText("Empty: the key is there, with no bytes in it.")).toBeVisible();
    await open(page, deepLink(cluster, "/odd/json"));
    await detail(page).getByRole("button", { name: "JSON", exact: true }).click();
    await expect(detail(page).getByLabel("Value", { exact: true })).toContainText("12345678901234567890");
    await shotsWideAndNarrow(page, "keys");

    await page.getByRole("searchbox", { name: "Search keys" }).fill("onerror");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    const results = page.getByRole("tree", { name: "Results" });
    await expect(results.getByRole("treeitem")).toHaveCount(1);
    await page.keyboard.press("Escape");
    await expect(tree(page)).toBeVisible();
  } finally {
    wipe(cluster, "/odd/");
  }
});

test("a value of 1.4 MB is opened, changed and saved, and one that etcd would not take is not sent", async ({ page, console: server, cluster }) => {
  const large = "x".repeat(1_400_000);
  const kept = () => server.api.get(`/clusters/${cluster.id}/keys/value?key=/large/a`).then((view: { meta: { size: string } }) => view.meta.size);
  await server.api.call("PUT", `/clusters/${cluster.id}/keys/value`, { key: "/large/a", seen: "0", value: large });
  try {
    await logIn(page, server.logins.operator);
    await open(page, deepLink(cluster, "/large/a"));
    await expect(detail(page).getByText(/^Only the beginning of .* is shown\.$/)).toBeVisible();
    await detail(page).getByRole("button", { name: "Edit" }).click();
    await expect.poll(() => editor(page).evaluate((field) => (field as HTMLTextAreaElement).value.length)).toBe(large.length);
    await editor(page).fill("x".repeat(1_600_000));
    await expect(detail(page).getByRole("status").filter({ hasText: "not sent" })).toBeVisible();
    await expect(detail(page).getByRole("button", { name: "Save", exact: true })).toBeDisabled();
    await editor(page).fill(`${large}y`);
    await detail(page).getByRole("button", { name: "Save", exact: true }).click();
    await expect(detail(page).getByRole("button", { name: "Edit" })).toBeVisible();
    expect(await kept()).toBe("1400001");
  } finally {
    wipe(cluster, "/large/");
  }
});

test("a race that is lost shows mine, theirs and what both began with", async ({ page, console: server, cluster }) => {
  etcdctl(cluster, "put /race/a 'one'");
  try {
    await logIn(page, server.logins.admin);
    await open(page, deepLink(cluster, "/race/a"));
    await detail(page).getByRole("button", { name: "Edit" }).click();
    await editor(page).fill("mine");
    etcdctl(cluster, "put /race/a 'theirs'");
    await page.keyboard.press("Control+s");
    await expect(detail(page).getByText("Somebody else saved this key while you were editing it")).toBeVisible();
    for (const [pane, text] of [["Mine", "mine"], ["Theirs", "theirs"], ["Both began with", "one"]]) {
      await expect(detail(page).getByRole("region", { name: pane })).toContainText(text);
    }
    await shotsWideAndNarrow(page, "keys-merge");
    await detail(page).getByLabel("Merged").fill("mine and theirs");
    await detail(page).getByRole("button", { name: /^Save over rev/ }).click();
    await expect(detail(page).getByLabel("Value", { exact: true })).toHaveText("mine and theirs");
    expect(etcdctl(cluster, "get --print-value-only /race/a")).toContain("mine and theirs");
  } finally {
    wipe(cluster, "/race/");
  }
});

test("a deletion is undone, a version restored, and changes are watched as they come", async ({ page, console: server, cluster }) => {
  for (const value of ["one", "two"]) etcdctl(cluster, `put /undo/a '${value}'`);
  try {
    await logIn(page, server.logins.admin);
    await open(page, deepLink(cluster, "/undo/a"));
    await live(page);
    await detail(page).getByRole("button", { name: "Delete", exact: true }).click();
    await detail(page).getByRole("button", { name: "Delete it" }).click();
    await expect(page.getByText("Deleted /undo/a.")).toBeVisible();
    await page.getByRole("button", { name: "Undo", exact: true }).click();
    await expect(detail(page).getByLabel("Value", { exact: true })).toHaveText("two");

    await detail(page).getByRole("button", { name: "History" }).click();
    const history = detail(page).getByRole("table", { name: "History" });
    await expect(history.getByRole("cell", { name: "deleted" })).toBeVisible();
    await shots(page, "keys-history");
    await history.getByRole("row", { name: /one/ }).getByRole("button", { name: "Restore…" }).click();
    await detail(page).getByRole("button", { name: "Restore it" }).click();
    await expect(history.getByRole("row", { name: /one/ })).toHaveCount(2);

    await detail(page).getByRole("button", { name: "Watch" }).click();
    await expect(detail(page).getByRole("status").filter({ hasText: "Watching" })).toBeVisible();
    etcdctl(cluster, "put /undo/a 'seen'");
    const changes = detail(page).getByRole("list", { name: "Changes, newest first" }).getByRole("listitem");
    await expect(changes.filter({ hasText: "seen" })).toBeVisible();

    await detail(page).getByRole("button", { name: "On every member" }).click();
    const members = detail(page).getByRole("table", { name: "The key on every member" });
    for (const host of cluster.hosts) await expect(members.getByRole("rowheader", { name: host.name })).toBeVisible();
  } finally {
    wipe(cluster, "/undo/");
  }
});

test("a viewer sees names of keys and who may read them @phone", async ({ page, console: server, cluster }) => {
  etcdctl(cluster, "put /phone/a 'secret words'");
  try {
    await logIn(page, server.logins.viewer);
    await open(page, `/clusters/${cluster.id}/keys`);
    await row(page, /^\/phone\//).click();
    await tree(page).getByTitle("/phone/a", { exact: true }).click();
    await expect(detail(page).getByText("Your role sees names of keys and not what is in them.")).toBeVisible();
    await expect(page.getByText("secret words")).toHaveCount(0);
    await expectNoSidewaysScroll(page);
    await shots(page, "keys-viewer");
    if (page.viewportSize()!.width <= 390) {
      await expect(tree(page)).toBeHidden();
      await page.getByRole("button", { name: "All keys" }).click();
      await expect(tree(page)).toBeVisible();
    }
  } finally {
    wipe(cluster, "/phone/");
  }
});
