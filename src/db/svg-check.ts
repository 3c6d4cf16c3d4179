/**
 * @file Decides which SVGs may be rendered. A small file can request any amount of work, so known bombs are refused
 * before rendering; the rest is rendered in a process that can be killed (`svg-renderer.ts`).
 */
import { SaxesParser } from "saxes";
import { AppError } from "../errors/app-error.js";

const MAX_ELEMENTS = 50_000;
const MAX_DEPTH = 200;
/** Laying out a line of text takes time quadratic in its length. */
const MAX_TEXT_LENGTH = 2_000;
/** Elements drawn by reference; the renderer's own limit comes after about ten seconds. */
const MAX_REFERENCES = 5_000;
/** Filters such as blurs, each over the whole drawing. */
const MAX_FILTER_STEPS = 50;

/** Encodings in which a byte below 128 is the ASCII character, so that nothing evades the check. */
const ENCODINGS = ["utf-8", "us-ascii", "iso-8859-1", "windows-1252"];
const DECLARATION = /^<\?xml\b[^>]*\?>/;

/**
 * Checks an SVG's text and structure.
 *
 * @returns The checked SVG as UTF-8 without XML declaration.
 * @throws AppError `IMAGE_TYPE` if it is another kind of text; `IMAGE_UNREADABLE` if it is compressed, in another
 *   encoding, not well-formed, declares entities, or exceeds a limit.
 */
export function checkedSvg(bytes: Uint8Array): Buffer {
  const text = decoded(bytes).replace(DECLARATION, "");
  const parser = new SaxesParser();
  const limits = new SvgLimits();
  parser.on("error", error => {
    throw refused(`the SVG is not well-formed: ${error.message}`);
  });
  parser.on("doctype", declaration => {
    if (declaration.includes("[")) {
      throw refused("an SVG may not declare entities");
    }
  });
  parser.on("opentag", ({ name, attributes }) => {
    limits.open(localName(name), attributes);
  });
  parser.on("closetag", ({ name }) => {
    limits.close(localName(name));
  });
  parser.on("text", content => {
    limits.text(content);
  });
  parser.on("cdata", content => {
    limits.text(content);
  });
  parser.write(text).close();
  return Buffer.from(text, "utf8");
}

class SvgLimits {
  private numElements = 0;
  private numReferences = 0;
  private numFilterSteps = 0;
  private depth = 0;
  /** Number of open `text` elements. */
  private textDepth = 0;
  private textLength = 0;

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.numElements === 0 && name !== "svg") {
      throw new AppError("IMAGE_TYPE", { got: "of no known type" });
    }
    const style = attributes.style ?? "";
    this.depth++;
    this.numReferences += name === "use" ? 1 : 0;
    this.numFilterSteps += name.startsWith("fe") ? 1 : 0;
    this.numFilterSteps += "filter" in attributes || style.includes("filter") ? 1 : 0;
    if (name === "text") {
      this.textDepth++;
      this.textLength = 0;
    }
    atMost("elements", ++this.numElements, MAX_ELEMENTS);
    atMost("levels", this.depth, MAX_DEPTH);
    atMost("references", this.numReferences, MAX_REFERENCES);
    atMost("steps of filters", this.numFilterSteps, MAX_FILTER_STEPS);
  }

  close(name: string): void {
    this.depth--;
    this.textDepth -= name === "text" ? 1 : 0;
  }

  text(content: string): void {
    if (this.textDepth > 0) {
      this.textLength += content.trim().length;
      atMost("characters in one text", this.textLength, MAX_TEXT_LENGTH);
    }
  }
}

function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw refused("a compressed SVG is not accepted");
  }
  const head = Buffer.from(bytes.subarray(0, 200))
    .toString("latin1")
    .replace(/^\xef\xbb\xbf/, "");
  const [declaration = ""] = DECLARATION.exec(head) ?? [];
  const [, encoding = "utf-8"] = /encoding\s*=\s*["']([^"']*)/.exec(declaration) ?? [];
  if (!ENCODINGS.includes(encoding.toLowerCase())) {
    throw refused(`an SVG may not have the encoding ${encoding.slice(0, 40)}`);
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw refused(`the SVG is not ${encoding}`);
  }
}

function localName(name: string): string {
  return name.replace(/^.*:/, "");
}

function atMost(got: string, count: number, max: number): void {
  if (count > max) {
    throw refused(`the SVG has more than ${max} ${got}`);
  }
}

function refused(reason: string): AppError {
  return new AppError("IMAGE_UNREADABLE", { reason });
}
