/// <reference lib="webworker" />
/**
 * The audit itself, in Python, beside the page (docs/adr/0032-the-page-runs-the-audit.md).
 *
 * It reads the file that it is given and its own files, and has nothing to tell anybody but the page.
 */
import { loadPyodide, type PyodideAPI } from "pyodide";
import type { Bytes } from "../core/bytes";
import { holds } from "../core/strict";
import archive from "./audit.zip?url";
import type { Asked, Told } from "./told";

declare const __PYTHON_AT__: string;

const worker = self as unknown as DedicatedWorkerGlobalScope;
const python = begin();

interface Page {
  audit(path: string, given: unknown, nowMs: number, progress: (done: number, size: number) => void): Answer;
  body(publicKey: unknown, name: string, atMs: number): Answer;
  memory(): Answer | undefined;
}

interface Answer {
  toJs(options?: object): unknown;
  destroy(): void;
}

interface Module {
  CHECKS: Answer;
  InPage(): Page;
  read_signed(data: unknown): Answer;
}

async function begin(): Promise<{ api: PyodideAPI; module: Module; page: Page }> {
  const [api, files] = await Promise.all([
    loadPyodide({ indexURL: __PYTHON_AT__ }),
    fetch(archive).then((answer) => answer.arrayBuffer()),
  ]);
  api.registerJsModule("signature_of_page", {
    holds: (key: Bytes, message: Bytes, signature: Bytes) => holds(key, message, signature),
  });
  api.unpackArchive(files, "zip", { extractDir: "/audit" });
  api.runPython("import sys; sys.path.insert(0, '/audit')");
  const module = api.pyimport("settlement.audit.in_page") as Module;
  return { api, module, page: module.InPage() };
}

function tell(told: Told): void {
  worker.postMessage(told);
}

worker.addEventListener("message", (event: MessageEvent<Asked>) => {
  answer(event.data).catch((error: unknown) => tell({ tell: "trouble", trouble: lastLine(error) }));
});

async function answer(asked: Asked): Promise<void> {
  const { api, module, page } = await python;
  switch (asked.ask) {
    case "audit":
      return audit(api, module, page, asked);
    case "body":
      return tell({ tell: "bytes", bytes: bytesOf(page.body(api.toPy(asked.publicKey), asked.name, asked.atMs)) });
    case "memory": {
      const memory = page.memory();
      return tell(memory ? { tell: "bytes", bytes: bytesOf(memory) } : { tell: "trouble", trouble: "" });
    }
    case "read": {
      const said = plain(module.read_signed(api.toPy(asked.report))) as { text?: string; trouble: string };
      return tell(said.text === undefined ? { tell: "trouble", trouble: said.trouble } : { tell: "text", text: said.text });
    }
  }
}

function audit(api: PyodideAPI, module: Module, page: Page, { bundle, given }: Asked & { ask: "audit" }): void {
  tell({ tell: "checks", checks: plain(module.CHECKS) as string[] });
  const { FS } = api;
  // The file is read where it lies: a large one need not fit into memory.
  FS.mkdirTree("/given");
  FS.mount(FS.filesystems["WORKERFS"], { blobs: [{ name: "bundle.zip", data: bundle }] }, "/given");
  try {
    const progress = (done: number, size: number) => tell({ tell: "progress", done, size });
    const said = plain(page.audit("/given/bundle.zip", api.toPy(given), Date.now(), progress));
    const { trouble } = said as { trouble?: string };
    if (trouble !== undefined) tell({ tell: "trouble", trouble });
    else tell({ tell: "found", found: said as (Told & { tell: "found" })["found"] });
  } finally {
    FS.unmount("/given");
  }
}

/** A copy in the page's own terms of what Python gave. */
function plain(value: Answer): unknown {
  const copy = value.toJs({ dict_converter: Object.fromEntries });
  value.destroy();
  return copy;
}

function bytesOf(value: Answer): Bytes {
  return (value.toJs() as Bytes).slice();
}

/** Of an error of Python the last line says what it is; the rest is for those who mend it. */
function lastLine(error: unknown): string {
  console.warn(error);
  const line = String(error instanceof Error ? error.message : error).trim().split("\n").at(-1)!;
  return line.replace(/^ledger\.errors\.\w+: /, "");
}
