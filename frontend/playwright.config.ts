import { defineConfig } from "@playwright/test";

// The pages in a real browser against the real server: `make build` first. Each worker starts its own server on an empty data directory.

const chromium = {
  browserName: "chromium" as const,
  launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] },
  contextOptions: { reducedMotion: "reduce" as const },
  viewport: { width: 1280, height: 860 },
  timezoneId: "Europe/Berlin",
  locale: "en-GB",
};

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  workers: 1,
  // They end what hangs or waits in vain, and say nothing of how fast a machine is.
  timeout: 600_000,
  expect: { timeout: 60_000 },
  forbidOnly: Boolean(process.env.CI),
  retries: process.env.CI ? 1 : 0, // a browser on a busy machine; what passed only then is listed as flaky
  reporter: [["list"]],
  use: { ...chromium, trace: "retain-on-failure", actionTimeout: 60_000 },
  projects: [
    { name: "walk", testMatch: /.*\.test\.ts/ },
    { name: "screenshots", testMatch: /screenshots\.ts/ },
  ],
});
