/** @file Rejects images that nobody may see any more. */
import type { PersonalizedImageRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";

const MAX_REASON = 500;

interface Dependencies {
  rejections: { reject(imageId: string, reason: string): Promise<PersonalizedImageRow | null> };
}

export class ImageRejectionService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Rejects the picture of an image, for all users. The next request for it makes another, or gets the catalogue image.
   *
   * @throws AppError `PERSONALIZED_IMAGE_NOT_FOUND`, `INVALID_ARGUMENT` without a reason
   */
  async reject(imageId: string, reason: string): Promise<PersonalizedImageRow> {
    const text = reason.trim();
    if (text === "" || text.length > MAX_REASON) {
      const problem = `must have 1 to ${MAX_REASON} characters, but has ${text.length}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "reason", problem });
    }
    const image = await this.deps.rejections.reject(imageId, text);
    if (!image) {
      throw new AppError("PERSONALIZED_IMAGE_NOT_FOUND", { imageId });
    }
    return image;
  }
}
