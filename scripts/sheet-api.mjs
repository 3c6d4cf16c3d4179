/** What the sheets share: a question to a running API, a picture of it, and a line of text as a layer. */
import sharp from "sharp";

export const createSheetApi = ({ key, url }) => ({
  /** @throws Error with the API's first message. */
  async ask(query, variables) {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) {
      throw new Error(errors[0].message);
    }
    return data;
  },
  picture: async (path, { height, width }, fit = "contain") =>
    sharp(await (await fetch(new URL(path, url))).arrayBuffer())
      .resize(Math.round(width), Math.round(height), { fit, background: "white" })
      .png()
      .toBuffer(),
});

export const textLayer = (text, width, height, attributes) => {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><text font-family="sans-serif" font-size="12" ${attributes}>${escaped}</text></svg>`,
  );
};
