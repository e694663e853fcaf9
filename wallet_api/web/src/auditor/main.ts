import { mount } from "svelte";
import { trusting } from "../core/trusted";
import "../look/base.css";
import App from "./App.svelte";
import auditing from "./auditing?worker&url";
import { speakAtDesk } from "./words";

const KEEPER = "/auditor/worker.js";
const trusted = trusting(KEEPER, auditing);

void speakAtDesk().then(() => {
  const start = () => new Worker(trusted(auditing), { type: "module" });
  mount(App, { target: document.getElementById("app")!, props: { start } });
});

if ("serviceWorker" in navigator) {
  void navigator.serviceWorker.register(trusted(KEEPER), { scope: "/auditor/" });
}
