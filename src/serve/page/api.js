// Questions to the server. An answer that is an error is thrown with its words.

async function answer(response) {
  if (response.ok) return response.json();
  let words = `the server answers ${response.status}`;
  try { words = (await response.json()).error ?? words; } catch { /* it has no words */ }
  throw Object.assign(new Error(words), { status: response.status });
}

const query = (fields) => new URLSearchParams(
  Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== ""),
).toString();

export const ask = async (path, fields = {}, signal) =>
  answer(await fetch(`/api/${path}?${query(fields)}`, { signal }));

export const tell = async (path, body, signal) => answer(await fetch(`/api/${path}`, {
  method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body),
}));

// Asks for the latest of many wishes: while one is answered, only the last of the others is kept.
export function latest(work, take) {
  let busy = false;
  let next = null;
  const run = async (wish) => {
    busy = true;
    try { take(await work(wish), null, wish); } catch (error) { take(null, error, wish); }
    busy = false;
    if (next) { const own = next; next = null; run(own.wish); }
  };
  return (wish) => { if (busy) next = { wish }; else run(wish); };
}
