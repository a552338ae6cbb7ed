// Journeys without a mouse: skip link, order of focus, palette, dialogs, tables.
import { expect, test } from "./fixtures";
import { expectAccessible, logIn, open } from "./steps";
import type { Page } from "@playwright/test";

/** Presses Tab once for each name and expects the focus to be on it. */
async function tabsThrough(page: Page, names: RegExp[]) {
  for (const name of names) {
    await page.keyboard.press("Tab");
    await expect(page.locator(":focus")).toHaveAccessibleName(name);
  }
}

test("the login form by keyboard alone", async ({ page, console: server }) => {
  await open(page, "/login");
  await tabsThrough(page, [/^Skip to the content$/, /^Name$/]);
  await page.keyboard.type(server.logins.viewer.name);
  await tabsThrough(page, [/^Password$/]);
  await page.keyboard.type(server.logins.viewer.password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Clusters" })).toBeVisible();
});

test("the skip link comes first, shows itself, and leads past the rail", async ({ page, console: server }) => {
  await logIn(page, server.logins.admin);
  await open(page, "/hosts");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.locator("main :focus")).toHaveCount(1);
});

test("the rail is walked in the order of the eye", async ({ page, console: server }) => {
  await logIn(page, server.logins.admin);
  await open(page, "/");
  await tabsThrough(page, [
    /^Skip to the content$/, /^Quorate$/, /^Clusters$/, /^Hosts$/, /^Operations/, /^Backups$/, /^Audit$/, /^Settings$/, /^Go to$/,
    new RegExp(server.logins.admin.name),
  ]);
  // The account menu opens, closes with Esc, and gives the focus back.
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Log out" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toHaveCount(0);
  await expect(page.getByRole("button", { name: server.logins.admin.name })).toBeFocused();
});

test("Ctrl-K goes anywhere that the user may go", async ({ page, console: server }) => {
  await logIn(page, server.logins.viewer);
  await page.keyboard.press("Control+k");
  const palette = page.getByRole("dialog", { name: "Go to" });
  const input = palette.getByRole("combobox", { name: "Go to" });
  await expect(input).toBeFocused();
  await expectAccessible(page);
  await page.keyboard.type("install");
  await expect(palette.getByRole("option")).toHaveCount(0);
  await input.fill("");
  await page.keyboard.type("o");
  await page.keyboard.press("ArrowDown");
  const second = palette.getByRole("option").nth(1);
  await expect(second).toHaveAttribute("aria-selected", "true");
  await input.fill("api tok");
  await expect(palette.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/settings\/tokens$/);
  await expect(palette).toBeHidden();
  // A new page takes the focus to its content.
  await expect(page.locator("#main")).toBeFocused();

  const goTo = page.getByRole("button", { name: "Go to" });
  await goTo.focus();
  await page.keyboard.press("Enter");
  await expect(input).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(palette).toBeHidden();
  await expect(goTo).toBeFocused();
});

test("a table is sorted by keyboard and says how", async ({ page, console: server }) => {
  await logIn(page, server.logins.admin);
  await open(page, "/settings/users");
  const head = page.getByRole("columnheader", { name: "Name" });
  await head.getByRole("button").focus();
  for (const order of ["ascending", "descending", "none"]) {
    await page.keyboard.press("Enter");
    await expect(head).toHaveAttribute("aria-sort", order);
  }
});
