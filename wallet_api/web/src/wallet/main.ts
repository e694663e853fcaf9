import { mount } from "svelte";
import "../look/base.css";
import App from "./App.svelte";

mount(App, { target: document.getElementById("app")! });

interface ScriptAddresses {
  createPolicy(name: string, rules: { createScriptURL(address: string): string }): {
    createScriptURL(address: string): string;
  };
}

const WORKER = "/wallet/worker.js";

if ("serviceWorker" in navigator) {
  // One address, and no other, may be made into a worker: the page's policy takes nothing else.
  const types = (globalThis as { trustedTypes?: ScriptAddresses }).trustedTypes;
  const policy = types?.createPolicy("commonwatt", {
    createScriptURL(address) {
      if (address !== WORKER) throw new TypeError(`${address} is no worker of this page`);
      return address;
    },
  });
  void navigator.serviceWorker.register(policy?.createScriptURL(WORKER) ?? WORKER, { scope: "/wallet/" });
}
