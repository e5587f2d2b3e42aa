"""积分商城 The points mall: goods, orders, codes, delivery.

An order is a saga of two steps. `place` takes the stock and holds the points in an account of the order
("sys:mall:<order>"); `advance` hands over what needs no human and lets the mall have the points. Each step is one
transaction with its event, so a crash leaves an order before or after a step, never within; consumer `mall` and job
`time.mall` go on from there, and what cannot be handed over is undone. Points return only by reversal.
Addresses and codes stand in the rows of orders, never in the log.
"""
