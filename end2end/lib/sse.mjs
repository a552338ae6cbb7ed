// A client of the console's event streams: parses `text/event-stream` as it comes and stamps each message with its arrival.

/** Calls `onMessage(data, arrivedMillis)` for each event until `stop` is aborted or the stream ends. */
export async function listen(url, headers, onMessage, stop) {
  const answer = await fetch(url, { headers: { accept: "text/event-stream", ...headers }, signal: stop });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer.body) {
    const arrived = performance.timeOrigin + performance.now();
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data) onMessage(JSON.parse(data), arrived);
    }
  }
}
