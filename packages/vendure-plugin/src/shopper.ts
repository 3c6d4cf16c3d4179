/** @file Who a shopper is for Vitrine. */
import { createHash } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { CustomerService, type ID, type RequestContext } from "@vendure/core";

/** A customer's id in Vitrine. */
export function customerUserId(customerId: ID): string {
  return `customer-${customerId}`;
}

/** The customer of an id of {@link customerUserId}; null for a guest's. */
export function customerIdOf(userId: string): string | null {
  return /^customer-(.+)$/.exec(userId)?.[1] ?? null;
}

/** The id of a visitor with an anonymous session; null without one. The session's token cannot be computed from it. */
export function guestUserId({ session }: RequestContext): string | null {
  return session && !session.user
    ? `guest-${createHash("sha256").update(session.token).digest("hex").slice(0, 32)}`
    : null;
}

@Injectable()
export class Shoppers {
  /** A page asks for many products. */
  private readonly known = new WeakMap<RequestContext, Promise<string | null>>();

  constructor(private readonly customers: CustomerService) {}

  /** The shopper of a request: a customer, or a guest with a session; null for anybody else. */
  of(ctx: RequestContext): Promise<string | null> {
    const found = this.known.get(ctx) ?? this.find(ctx);
    this.known.set(ctx, found);
    return found;
  }

  private async find(ctx: RequestContext): Promise<string | null> {
    if (ctx.activeUserId === undefined) {
      return guestUserId(ctx);
    }
    const customer = await this.customers.findOneByUserId(ctx, ctx.activeUserId);
    return customer ? customerUserId(customer.id) : null;
  }
}
