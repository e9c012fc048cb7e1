/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { compress } from "./scripts/compress.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The server to develop against: `ONELICENSE_URL=http://127.0.0.1:4000 npm run dev`.
const server = process.env.ONELICENSE_URL ?? "http://127.0.0.1:4000";

export default defineConfig({
  plugins: [react(), compress()],
  resolve: {
    alias: {
      "@": at("./src"),
      "@host": at("../hosts/js/src"),
      "@module": at("../wasm/dist"),
      onelicense: at("../hosts/js/src/index.js"),
    },
  },
  server: {
    proxy: { "/api": { target: server, changeOrigin: true } },
    fs: { allow: [at(".."), at(".")] },
  },
  build: {
    target: "safari16", // the desktop's WebKit is the oldest
    assetsInlineLimit: 0, // the policy of the pages lets nothing be inlined but styles
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    css: false,
    testTimeout: 300_000, // it ends what hangs, and says nothing of how fast a machine is
    maxWorkers: 2,
    isolate: false, // the app is loaded once by each worker, which is most of the work
  },
});
