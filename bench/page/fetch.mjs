// Files of the bench's server.

/** The bytes of a file. */
export async function bytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
}

/** The bytes of a gzipped file, unpacked. */
export async function unzipped(url) {
  const stream = new Blob([await bytes(url)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
