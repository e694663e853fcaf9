import { mount } from "svelte";
import { trusting } from "../core/trusted";
import "../look/base.css";
import App from "./App.svelte";

mount(App, { target: document.getElementById("app")! });

const WORKER = "/wallet/worker.js";

if ("serviceWorker" in navigator) {
  void navigator.serviceWorker.register(trusting(WORKER)(WORKER), { scope: "/wallet/" });
}
