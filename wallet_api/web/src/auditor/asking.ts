/** One worker that audits: asked one thing at a time, and ended when the person stops it. */
import type { Bytes } from "../core/bytes";
import type { Asked, Found, Given, Told } from "./told";

export class Trouble extends Error {}

export interface News {
  checks(checks: string[]): void;
  progress(done: number, size: number): void;
}

export class Auditing {
  private worker: Worker | undefined;
  private giveUp: ((error: Error) => void) | undefined;

  constructor(private readonly start: () => Worker) {}

  async audit(bundle: Blob, given: Given, news: News): Promise<Found> {
    const told = await this.ask({ ask: "audit", bundle, given }, news);
    if (told.tell !== "found") throw new Trouble("");
    return told.found;
  }

  body(publicKey: Bytes, name: string, atMs: number): Promise<Bytes> {
    return this.bytes({ ask: "body", publicKey, name, atMs });
  }

  /** What to go on from next time; nothing where the ledger is not sound. */
  memory(): Promise<Bytes> {
    return this.bytes({ ask: "memory" });
  }

  async read(report: Bytes): Promise<string> {
    const told = await this.ask({ ask: "read", report });
    return told.tell === "text" ? told.text : "";
  }

  /** End it at once, whatever it does: Python does not hear anything while it works. */
  stop(): void {
    this.worker?.terminate();
    this.worker = undefined;
    this.giveUp?.(new Trouble(""));
  }

  private async bytes(asked: Asked): Promise<Bytes> {
    const told = await this.ask(asked);
    if (told.tell !== "bytes") throw new Trouble("");
    return told.bytes;
  }

  private ask(asked: Asked, news?: News): Promise<Told> {
    const worker = (this.worker ??= this.start());
    return new Promise((resolve, reject) => {
      this.giveUp = reject;
      worker.onerror = (event) => reject(new Trouble(event.message));
      worker.onmessage = ({ data }: MessageEvent<Told>) => {
        if (data.tell === "checks") news?.checks(data.checks);
        else if (data.tell === "progress") news?.progress(data.done, data.size);
        else if (data.tell === "trouble") reject(new Trouble(data.trouble));
        else resolve(data);
      };
      worker.postMessage(asked);
    });
  }
}
