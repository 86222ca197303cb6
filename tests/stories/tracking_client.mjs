// The real Segment client for Node: sends events and writes down which were acknowledged.
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";

const [, , folder, host, writeKey, events, report] = process.argv;
const { Analytics } = createRequire(`${folder}/`)("@segment/analytics-node");
const acknowledged = [];
const failed = [];
const analytics = new Analytics({ host, writeKey, maxRetries: 30, flushAt: 100, flushInterval: 200 });
analytics.on("error", (error) => console.error(String(error.reason ?? error.code)));

const pending = new Set();
for (let number = 0; number < Number(events); number += 1) {
  const call = {
    userId: `node-${number % 500}`,
    event: "Tea Brewed",
    properties: { number, by: "node" },
  };
  const told = new Promise((resolve) => {
    analytics.track(call, (error, context) => {
      (error ? failed : acknowledged).push(context.event.messageId);
      if (acknowledged.length % 100 === 0) writeFileSync(`${report}.count`, String(acknowledged.length));
      resolve();
    });
  });
  pending.add(told);
  told.then(() => pending.delete(told));
  // Spread over twenty seconds, so that the server dies in the middle of it.
  if (number % Math.floor(Number(events) / 200) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // As a server does: not everything at once.
  if (pending.size >= 2000) await Promise.race(pending);
}
await analytics.closeAndFlush({ timeout: 600000 });
await Promise.all(pending);
writeFileSync(report, JSON.stringify({ acknowledged, failed }));
