import { mount } from "svelte";
import english from "../../../words/console/en.json";
import { trusting } from "../core/trusted";
import { learn } from "../core/words.svelte";
import "../look/base.css";
import "./console.css";
import App from "./App.svelte";
import { start } from "./desk.svelte";

learn(english, {});
void start().then(() => mount(App, { target: document.getElementById("app")! }));

const KEEPER = "/console/worker.js";
if ("serviceWorker" in navigator) {
  void navigator.serviceWorker.register(trusting(KEEPER)(KEEPER), { scope: "/console/" });
}
